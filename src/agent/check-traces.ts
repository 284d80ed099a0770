import { endpointInTracesFile, tracesEnvironment } from "../core/containerd/tracing/traces-file.ts";
import type { Exporter } from "../core/host-state.ts";
import type { PendingTraces } from "./apply-record.ts";
import type { ConfigContext } from "./config-change.ts";
import type { Containerd } from "./ports.ts";

/** What a containerd that was restarted to send its traces makes of it. Both undefined: that cannot be told. */
export interface TracesSeen {
  /** The containerd that sends them, as `Containerd.instance()`. */
  readonly in?: string | undefined;
  /** Why it does not. It is well all the same, so nothing is taken back for it. */
  readonly trouble?: string;
}

export async function lookForTraces(
  traces: PendingTraces | undefined,
  { ports, signal }: Pick<ConfigContext, "ports" | "signal">,
): Promise<TracesSeen> {
  if (traces?.to !== "on") return {};
  const { containerd } = ports;
  if (traces.inForce?.kind === "config") return judge(await containerd.exporter(signal), containerd);
  const written = traces.files.find(({ after }) => after !== undefined);
  const endpoint = endpointInTracesFile(written?.after ?? "");
  const environment = await containerd.tracesEnvironment();
  if (written === undefined || endpoint === undefined || environment === undefined) return {};
  const missing = Object.entries(tracesEnvironment(endpoint)).find(
    ([name, value]) => environment[name] !== value,
  );
  if (missing !== undefined)
    return {
      trouble: `it was restarted, and ${missing[0]} is not in its environment as ${written.place.path} has it`,
    };
  return judge(await containerd.exporter(signal), containerd);
}

async function judge(
  { state, message }: Exporter,
  containerd: Pick<Containerd, "instance">,
): Promise<TracesSeen> {
  if (state === "running") return { in: await containerd.instance() };
  return state === "unknown" ? {} : { trouble: message };
}

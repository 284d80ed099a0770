import { sharedUnitOf, tracesPlaceOf } from "../core/containerd/tracing/traces-place.ts";
import type { Exporter, HostState, ObservedTracesFile } from "../core/host-state.ts";
import type { TracingSettings } from "../core/plan/node-plan.ts";
import { tracingWish } from "../core/plan/tracing-wish.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { PassContext } from "./pass-context.ts";
import { type Files, HostError } from "./ports.ts";

export function tracingSettings(
  record: ApplyRecord,
  { config, retryQuarantined }: Pick<PassContext, "config" | "retryQuarantined">,
): TracingSettings {
  return {
    wanted: config.evidence.traces,
    httpAddress: config.http.address,
    place: tracesPlaceOf(config.containerd),
    sharedUnit: sharedUnitOf(config.containerd),
    last: record.traces,
    failed: record.tracesQuarantine,
    retryFailed: retryQuarantined,
  };
}

/** The node with what a plan has to know of its traces. */
export async function observeTracing(
  host: HostState,
  record: ApplyRecord,
  context: PassContext,
): Promise<HostState> {
  const { files, containerd } = context.ports;
  const settings = tracingSettings(record, context);
  const isWanted = ["on", "on-in-config"].includes(tracingWish(settings, host.version).kind);
  const { place, last } = settings;
  const former = last === undefined || last.kind === "config" || last.path === place?.path ? [] : [last];
  const places = [...(place === undefined ? [] : [place]), ...former];
  return {
    ...host,
    tracing: {
      environment: await containerd.tracesEnvironment(),
      exporter: isWanted ? await exporterOf(record, context) : UNASKED,
      files: await Promise.all(places.map(({ kind, path }) => observeFile({ kind, path }, files))),
    },
  };
}

const UNASKED: Exporter = { state: "unknown", message: "" };

/** The daemon is asked once in its life: an idle agent keeps no gRPC in memory. */
async function exporterOf({ traces }: ApplyRecord, { ports, signal }: PassContext): Promise<Exporter> {
  const instance = await ports.containerd.instance();
  if (instance !== undefined && traces?.seenIn === instance) return { state: "running", message: "" };
  return ports.containerd.exporter(signal);
}

async function observeFile(place: ObservedTracesFile["place"], files: Files): Promise<ObservedTracesFile> {
  try {
    return { place, file: await files.read(place.path) };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { place, file: undefined, trouble: error.message };
  }
}

import type { Containerd } from "../agent/ports.ts";
import type { Exporter } from "../core/host-state.ts";
import { type Connect, wordsOf } from "./cri-client.ts";
import { readDaemonEnvironment } from "./daemon-environment.ts";

const CALL_TIMEOUT_MS = 3_000;

/**
 * What the running daemon has of traces. Neither answer changes in the life of a daemon, and both are costly to find,
 * so they are kept until `instance` says that it is another one.
 */
export function tracingVerbs(
  connect: Connect,
  hostSocket: string,
  instance: () => string | undefined,
): Pick<Containerd, "tracesEnvironment" | "exporter"> {
  const environment = keptFor<Readonly<Record<string, string>> | undefined>(
    instance,
    (found) => found !== undefined,
  );
  const exporter = keptFor<Exporter>(instance, ({ state }) => state !== "unknown");
  return {
    tracesEnvironment: () => environment(async () => onlyTraces(readDaemonEnvironment(hostSocket))),
    exporter: (signal) => exporter(() => askExporter(connect, signal)),
  };
}

/** Remembers an answer that `isFinal` as long as the daemon is the same. */
function keptFor<T>(instance: () => string | undefined, isFinal: (answer: T) => boolean) {
  let kept: { readonly instance: string | undefined; readonly answer: T } | undefined;
  return async (ask: () => Promise<T>): Promise<T> => {
    const now = instance();
    if (now !== undefined && kept?.instance === now) return kept.answer;
    const answer = await ask();
    kept = isFinal(answer) ? { instance: now, answer } : undefined;
    return answer;
  };
}

function onlyTraces(
  environment: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  if (environment === undefined) return undefined;
  const entries = Object.entries(environment);
  return Object.fromEntries(
    entries.filter(([name]) => name.startsWith("OTEL_") && !name.endsWith("_HEADERS")),
  );
}

interface Plugins {
  readonly plugins: readonly { readonly initErr: { readonly message: string } | null }[];
}

async function askExporter(connect: Connect, signal: AbortSignal): Promise<Exporter> {
  try {
    const request = { filters: ["type==io.containerd.tracing.processor.v1,id==otlp"] };
    const method = "containerd.services.introspection.v1.Introspection/Plugins";
    const reply = await connect((call) => call(method, request, { timeoutMs: CALL_TIMEOUT_MS, signal }));
    return judge((reply as Plugins).plugins);
  } catch (error) {
    return { state: "unknown", message: wordsOf(error) };
  }
}

function judge([plugin]: Plugins["plugins"]): Exporter {
  if (plugin === undefined) return { state: "absent", message: "" };
  if (plugin.initErr === null) return { state: "running", message: "" };
  const { message } = plugin.initErr;
  // A plugin that decided not to run: no receiver is configured, or traces are disabled.
  return { state: message.includes("skip plugin") ? "idle" : "failed", message };
}

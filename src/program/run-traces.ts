import type { Socket } from "node:net";
import type { EvidenceSink } from "../agent/evidence/evidence-sink.ts";
import type { Clock, Log } from "../agent/ports.ts";
import type { PassReport, TracingReport } from "../agent/report.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { SourceState, WatchedRegistry } from "../core/evidence/evidence-report.ts";
import type { Route } from "../edge/http-routes.ts";
import type { PeerTrust } from "../edge/peer-trust.ts";
import { createTraceReceiver, NO_TRACES, type TraceStats } from "../edge/traces/trace-receiver.ts";

/** Where containerd's spans come in, and how that source is. */
export interface TracesRun {
  /** None where traces are switched off. */
  readonly routes: readonly Route[];
  /** What is in force, and whether containerd has been told to send. */
  passed(report: Pick<PassReport, "registries" | "tracing">): void;
  stats(): TraceStats;
  stop(): void;
}

export function runTraces(
  { evidence, style }: AgentConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  sink: EvidenceSink,
  trustOf: (socket: Socket) => Promise<PeerTrust>,
): TracesRun {
  if (!evidence.traces) {
    sink.source({ source: "trace", up: false, message: "switched off in agent.toml (evidence.traces)" });
    return { routes: [], passed() {}, stats: () => NO_TRACES, stop() {} };
  }
  let watched: readonly WatchedRegistry[] = [];
  let tracing: TracingReport | undefined;
  let told: SourceState | undefined;
  const receiver = createTraceReceiver({
    sink: { ...sink, source: () => tell() },
    watched: () => watched,
    witnessHost: () => (evidence.witness && style === "certs.d" ? evidence.witnessAddress : undefined),
    trustOf,
    clock,
    log,
  });
  function tell(): void {
    const state = judgeSource(receiver.sourceState(), receiver.stats().spans > 0, tracing);
    if (told?.up === state.up && told.message === state.message) return;
    told = state;
    sink.source(state);
  }
  tell();
  return {
    routes: [receiver.route],
    passed(report) {
      watched = report.registries ?? watched;
      tracing = report.tracing ?? tracing;
      tell();
    },
    stats: receiver.stats,
    stop: () => receiver.stop(),
  };
}

/** Spans that come prove themselves. Where none have come, the pass knows whether containerd would send them. */
function judgeSource(
  received: SourceState,
  hasSpans: boolean,
  tracing: TracingReport | undefined,
): SourceState {
  if (tracing === undefined) return received;
  const { state, message } = tracing;
  if (state === "on")
    return hasSpans ? received : { source: "trace", up: true, message: "no pull has been seen yet" };
  return received.up && state !== "off" ? received : { source: "trace", up: false, message };
}

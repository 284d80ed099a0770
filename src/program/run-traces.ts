import type { Socket } from "node:net";
import type { EvidenceSink } from "../agent/evidence-sink.ts";
import type { Clock, Log } from "../agent/ports.ts";
import type { PassReport, TracingReport } from "../agent/report.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { SourceState, WatchedRegistry } from "../core/evidence/evidence-report.ts";
import type { Route } from "../edge/http-routes.ts";
import type { PeerTrust } from "../edge/peer-trust.ts";
import { createTraceReceiver } from "../edge/traces/trace-receiver.ts";

/** Where containerd's spans come in, and how that source is. */
export interface TracesRun {
  /** None where traces are switched off. */
  readonly routes: readonly Route[];
  /** What is in force, and whether containerd has been told to send. */
  passed(report: Pick<PassReport, "registries" | "tracing">): void;
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
    return { routes: [], passed() {}, stop() {} };
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
    const state = judgeSource(receiver.sourceState(), tracing);
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
    stop: () => receiver.stop(),
  };
}

/** Spans that come prove themselves; where none do, the pass knows why. */
function judgeSource(received: SourceState, tracing: TracingReport | undefined): SourceState {
  if (tracing === undefined || tracing.state === "on") return received;
  if (received.up && tracing.state !== "off") return received;
  return { source: "trace", up: false, message: tracing.message };
}

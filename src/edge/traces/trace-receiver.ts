import type { Socket } from "node:net";
import type { EvidenceSink } from "../../agent/evidence/evidence-sink.ts";
import type { Clock, Log } from "../../agent/ports.ts";
import type { SourceState, WatchedRegistry } from "../../core/evidence/evidence-report.ts";
import type { TraceOutput } from "../../core/evidence/traces/end-call.ts";
import { type CollectorLimits, createTraceCollector } from "../../core/evidence/traces/trace-collector.ts";
import type { Route } from "../http-routes.ts";
import type { PeerTrust } from "../peer-trust.ts";
import { createTraceRoute, EXPORT_OUTCOMES, type ExportOutcome } from "./trace-route.ts";

export interface TraceReceiverOptions {
  readonly sink: EvidenceSink;
  /** What is in force now; the same array while nothing changes. */
  readonly watched: () => readonly WatchedRegistry[];
  /** host:port of the witness; undefined where there is none. */
  readonly witnessHost: () => string | undefined;
  readonly trustOf: (socket: Socket) => Promise<PeerTrust>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<CollectorLimits>;
}

export interface TraceReceiver {
  readonly route: Route;
  sourceState(): SourceState;
  stats(): TraceStats;
  /** Tells nothing more. */
  stop(): void;
}

/** Since the start. */
export interface TraceStats {
  readonly exports: Readonly<Record<ExportOutcome, number>>;
  readonly spans: number;
  /** Traces that were told before they were over, for want of room. */
  readonly cutShort: number;
}

/** Of a receiver that has got nothing, or that is not there. */
export const NO_TRACES: TraceStats = {
  exports: Object.fromEntries(EXPORT_OUTCOMES.map((each) => [each, 0])) as Record<ExportOutcome, number>,
  spans: 0,
  cutShort: 0,
};

const WARN_EVERY_MS = 60_000;

/** Takes containerd's spans in and tells the sink what they prove. */
export function createTraceReceiver(options: TraceReceiverOptions): TraceReceiver {
  const { sink, clock, log, trustOf } = options;
  const collector = createTraceCollector(options);
  const exports = { ...NO_TRACES.exports };
  let spanCount = 0;
  let tellsRequests: boolean | undefined;
  let told: SourceState | undefined;
  let warnedMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const sourceState = (): SourceState => stateOf(spanCount > 0, tellsRequests);

  const tell = (outputs: readonly TraceOutput[]): void => {
    for (const output of outputs) {
      if (output.kind === "request") sink.request(output.request);
      else if (output.kind === "pull") sink.pull(output.pull);
      else sink.notice(output.notice);
      if (output.kind !== "pull") tellsRequests = output.kind === "request";
    }
    const state = sourceState();
    if (told?.up === state.up && told.message === state.message) return;
    told = state;
    sink.source(state);
  };

  const schedule = (): void => {
    clearTimeout(timer);
    const dueMs = collector.dueMs();
    if (dueMs === undefined || isStopped) return;
    // A little late rather than a little early, which would be once more for nothing.
    timer = setTimeout(expire, Math.max(0, dueMs - clock.uptimeMs()) + 20).unref();
  };

  const expire = (): void => {
    tell(collector.expire(clock.uptimeMs()));
    schedule();
  };

  return {
    route: createTraceRoute({
      trustOf,
      nowMs: () => clock.now(),
      onSpans(spans) {
        if (isStopped) return;
        spanCount += spans.length;
        tell(collector.add(spans, clock.uptimeMs()));
        schedule();
      },
      onOutcome(outcome, uid) {
        exports[outcome]++;
        if (outcome === "accepted" || outcome === "aborted") return;
        const nowMs = clock.uptimeMs();
        if (warnedMs !== undefined && nowMs - warnedMs < WARN_EVERY_MS) return;
        warnedMs = nowMs;
        log.warn({ outcome, uid, so_far: exports[outcome] }, "an export of spans was not taken");
      },
    }),
    sourceState,
    stats: () => ({ exports: { ...exports }, spans: spanCount, cutShort: collector.cutShort() }),
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

function stateOf(hasSpans: boolean, tellsRequests: boolean | undefined): SourceState {
  if (!hasSpans) return { source: "trace", up: false, message: "no span of containerd has come yet" };
  if (tellsRequests !== false) return { source: "trace", up: true, message: "" };
  const message =
    "this build of containerd tells that pulls end but not which host served, except in its log at level debug";
  return { source: "trace", up: false, message };
}

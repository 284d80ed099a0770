import type { MirrorIndex } from "./mirror-index.ts";
import { createPendingTrace, type PendingTrace, sizeOf } from "./pending-trace.ts";

/** The traces that are being followed, and for a while those that are over. */
export interface TraceStore {
  /** The trace, begun if need be, and the youngest from now on. */
  touch(id: string, mirrors: MirrorIndex, nowMs: number): PendingTrace;
  has(id: string): boolean;
  /** Those that have been silent for longest first. */
  entries(): readonly (readonly [id: string, trace: PendingTrace])[];
  /** Drops a trace. With `untilMs` it is remembered as over until then. */
  drop(id: string, untilMs?: number): void;
  /** What was in force when a trace that is over began; undefined for any other. */
  past(id: string): MirrorIndex | undefined;
  /** Ends memories. */
  expire(nowMs: number): void;
  /** Spans and requests kept. */
  items(): number;
}

/** Remembers at most `maxPast` traces that are over. */
export function createTraceStore(maxPast: number): TraceStore {
  const traces = new Map<string, PendingTrace>();
  const past = new Map<string, { readonly mirrors: MirrorIndex; readonly untilMs: number }>();
  return {
    touch(id, mirrors, nowMs) {
      const trace = traces.get(id) ?? createPendingTrace(id, mirrors, nowMs);
      trace.lastMs = nowMs;
      traces.delete(id);
      traces.set(id, trace);
      return trace;
    },
    has: (id) => traces.has(id),
    entries: () => [...traces],
    drop(id, untilMs) {
      const trace = traces.get(id);
      traces.delete(id);
      if (trace === undefined || untilMs === undefined) return;
      past.set(id, { mirrors: trace.mirrors, untilMs });
      const [oldest] = past.keys();
      if (past.size > maxPast && oldest !== undefined) past.delete(oldest);
    },
    past: (id) => past.get(id)?.mirrors,
    expire(nowMs) {
      for (const [id, { untilMs }] of past) if (untilMs <= nowMs) past.delete(id);
    },
    items: () => [...traces.values()].reduce((sum, trace) => sum + sizeOf(trace), 0),
  };
}

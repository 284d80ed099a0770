import type { WatchedRegistry } from "../evidence-report.ts";
import type { Span } from "../otlp/span.ts";
import { attributeRequests } from "./attribute-requests.ts";
import { keepEarly } from "./early-requests.ts";
import { asOutput, endCall, endTrace, type TraceOutput, tellEarly } from "./end-call.ts";
import type { PullContext } from "./find-origin.ts";
import { createMirrorIndex, type MirrorIndex, mergeIndexes } from "./mirror-index.ts";
import { addSpan, type PendingTrace, requestsOf, sizeOf } from "./pending-trace.ts";
import { isPartOfPull } from "./read-entry-span.ts";
import { isRequestName, readRequestSpan } from "./read-request-span.ts";
import { createTraceStore } from "./trace-store.ts";

export interface TraceCollectorOptions {
  /** What is in force now; the same array while nothing changes. */
  readonly watched: () => readonly WatchedRegistry[];
  /** host:port of the witness; undefined where there is none. */
  readonly witnessHost: () => string | undefined;
  readonly limits?: Partial<CollectorLimits>;
}

/** Times in ms. Beyond a number, the traces that have been silent for longest are told as they are. */
export interface CollectorLimits {
  /** From the end of a pull to its being told: spans that ended before it come at most one export later. */
  readonly settleMs: number;
  /** Without any span; more than a layer takes, for its span comes when it is there. */
  readonly idleMs: number;
  /** How long a trace that was told is remembered, so that a straggler is not taken for a pull. */
  readonly memoryMs: number;
  readonly traces: number;
  /** Spans and requests that are kept, of one trace and of all. */
  readonly itemsPerTrace: number;
  readonly items: number;
}

export const DEFAULT_LIMITS: CollectorLimits = {
  settleMs: 1500,
  idleMs: 30 * 60_000,
  memoryMs: 60_000,
  traces: 2048,
  itemsPerTrace: 4096,
  items: 32_768,
};

/**
 * Puts spans together to requests and pulls. Spans of one pull come in several exports, parents after their
 * children, the last ones perhaps never; of several pulls, mixed; and most spans are of no pull at all. `nowMs` is
 * any clock that does not go back. Never throws; keeps a bounded amount.
 */
export interface TraceCollector {
  add(spans: readonly Span[], nowMs: number): readonly TraceOutput[];
  /** To be called at `dueMs`. */
  expire(nowMs: number): readonly TraceOutput[];
  /** When the next pull is to be told, or given up; undefined while nothing is kept. */
  dueMs(): number | undefined;
  /** Traces that were told before they were over, for want of room, so far. */
  cutShort(): number;
}

export function createTraceCollector(options: TraceCollectorOptions): TraceCollector {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const store = createTraceStore(limits.traces);
  const mirrorsNow = indexOf(options.watched);
  const contextSince = (mirrors: MirrorIndex): PullContext => ({
    mirrors: mergeIndexes([mirrors, mirrorsNow()]),
    witnessHost: options.witnessHost(),
  });
  const patienceFor = (trace: PendingTrace): number => (isAllTold(trace) ? limits.memoryMs : limits.idleMs);
  let cutShort = 0;

  const addOne = (span: Span, nowMs: number): readonly TraceOutput[] => {
    const past = store.past(span.traceId);
    if (past !== undefined) return tellStraggler(span, contextSince(past));
    if (!store.has(span.traceId) && !isOfInterest(span)) return [];
    const trace = store.touch(span.traceId, mirrorsNow(), nowMs);
    addSpan(trace, span, nowMs + limits.settleMs, limits.itemsPerTrace);
    if (sizeOf(trace) - trace.nodes.size < limits.itemsPerTrace) return [];
    const requests = tellEarly(trace, contextSince(trace.mirrors));
    trace.early = keepEarly(trace.early, requests);
    return requests.map(asOutput);
  };

  const giveUp = (id: string, trace: PendingTrace, nowMs: number): readonly TraceOutput[] => {
    store.drop(id, nowMs + limits.memoryMs);
    return endTrace(trace, contextSince(trace.mirrors));
  };

  const makeRoom = (nowMs: number): readonly TraceOutput[] => {
    const outputs: TraceOutput[] = [];
    let items = store.items();
    const traces = store.entries();
    for (const [at, [id, trace]] of traces.entries()) {
      if (traces.length - at <= limits.traces && items <= limits.items) break;
      items -= sizeOf(trace);
      cutShort++;
      outputs.push(...giveUp(id, trace, nowMs));
    }
    return outputs;
  };

  const expireTrace = (id: string, trace: PendingTrace, nowMs: number): readonly TraceOutput[] => {
    const due = [...trace.ended].filter(([, settledMs]) => settledMs <= nowMs).map(([spanId]) => spanId);
    const outputs = due.flatMap((spanId) => endCall(trace, spanId, contextSince(trace.mirrors)));
    const isSilent = trace.lastMs + patienceFor(trace) <= nowMs;
    if (isRootTold(trace)) store.drop(id, nowMs + limits.memoryMs);
    // A caller's trace may hold further pulls: it is not remembered as over.
    else if (isSilent && isAllTold(trace)) store.drop(id);
    else if (isSilent) return [...outputs, ...giveUp(id, trace, nowMs)];
    return outputs;
  };

  return {
    add(spans, nowMs) {
      const outputs: TraceOutput[] = [];
      for (const span of spans) for (const output of addOne(span, nowMs)) outputs.push(output);
      for (const output of makeRoom(nowMs)) outputs.push(output);
      return outputs;
    },
    expire(nowMs) {
      store.expire(nowMs);
      return store.entries().flatMap(([id, trace]) => expireTrace(id, trace, nowMs));
    },
    dueMs() {
      const due = store
        .entries()
        .flatMap(([, trace]) => [...trace.ended.values(), trace.lastMs + patienceFor(trace)]);
      return due.length === 0 ? undefined : due.reduce((least, ms) => Math.min(least, ms));
    },
    cutShort: () => cutShort,
  };
}

/** A request, or what shows up in pulls only; all else is looked at only in a trace that has one of these. */
function isOfInterest({ name }: Span): boolean {
  return isRequestName(name) || isPartOfPull(name);
}

function indexOf(watched: () => readonly WatchedRegistry[]): () => MirrorIndex {
  let from: readonly WatchedRegistry[] = [];
  let index = createMirrorIndex(from);
  return () => {
    const now = watched();
    if (now !== from) {
      from = now;
      index = createMirrorIndex(now);
    }
    return index;
  };
}

/** What comes after its pull was told still counts as a request. */
function tellStraggler(span: Span, context: PullContext): readonly TraceOutput[] {
  const request = readRequestSpan(span);
  return request === undefined ? [] : attributeRequests([request], context).map(asOutput);
}

/** Nothing more can come of a trace whose first span has been told. */
function isRootTold({ told, nodes }: PendingTrace): boolean {
  return [...told].some((spanId) => nodes.get(spanId)?.parentId === "");
}

function isAllTold(trace: PendingTrace): boolean {
  return trace.told.size > 0 && trace.ended.size === 0 && requestsOf(trace).length === 0;
}

import type { Span } from "../otlp/span.ts";
import type { PullOutcome } from "./classify-pull.ts";
import type { EarlyRequests } from "./early-requests.ts";
import type { MirrorIndex } from "./mirror-index.ts";
import type { RawRequest, SkippedHost } from "./raw-request.ts";
import {
  isCri,
  type PulledImage,
  readImage,
  readOutcome,
  roleOfSpan,
  type SpanRole,
} from "./read-entry-span.ts";
import { readLogEvents, withoutUnsent } from "./read-log-events.ts";
import { isPush, isRequestName, readRequestSpan } from "./read-request-span.ts";

/** A span that is kept until its pull is told: where it hangs, and what it says of the pull. */
export interface TraceNode {
  readonly parentId: string;
  readonly role: SpanRole;
  readonly startMs: number;
  readonly endMs: number;
  readonly image: PulledImage | undefined;
  readonly skipped: readonly SkippedHost[];
  readonly outcome: PullOutcome;
  readonly isCri: boolean;
}

/** What of a trace has come so far and has not been told. */
export interface PendingTrace {
  readonly id: string;
  readonly nodes: Map<string, TraceNode>;
  requests: RawRequest[];
  /** From log lines; they count only where there are no spans for requests. */
  logged: RawRequest[];
  hasRequestSpans: boolean;
  /** Somebody pushes an image: none of its requests is of a pull. */
  isPush: boolean;
  /** Pulls and calls that have ended: span id → when all that belongs to them has arrived. */
  readonly ended: Map<string, number>;
  /** Span ids of those that have been told. */
  readonly told: Set<string>;
  /** Requests that were told before their pull was over, because they are so many. */
  early: EarlyRequests | undefined;
  /** What was in force when it began. */
  readonly mirrors: MirrorIndex;
  lastMs: number;
}

export function createPendingTrace(id: string, mirrors: MirrorIndex, nowMs: number): PendingTrace {
  return {
    id,
    nodes: new Map(),
    requests: [],
    logged: [],
    hasRequestSpans: false,
    isPush: false,
    ended: new Map(),
    told: new Set(),
    early: undefined,
    mirrors,
    lastMs: nowMs,
  };
}

/**
 * Takes a span up. `settledMs`: when the rest of its pull has arrived, if it is the end of one. Beyond `maxNodes` no
 * more of its tree is kept but the ends of pulls: what then hangs nowhere belongs to the root.
 */
export function addSpan(trace: PendingTrace, span: Span, settledMs: number, maxNodes: number): void {
  const request = readRequestSpan(span);
  if (request !== undefined) {
    trace.requests.push(request);
    trace.hasRequestSpans = true;
    trace.logged = [];
  } else if (isRequestName(span.name)) trace.isPush ||= isPush(span);
  else addNode(trace, span, settledMs, maxNodes);
}

function addNode(trace: PendingTrace, span: Span, settledMs: number, maxNodes: number): void {
  const role = roleOfSpan(span);
  const { requests, skipped } = readLogEvents(span);
  if (!trace.hasRequestSpans) trace.logged.push(...requests);
  if (trace.nodes.size >= (role === "part" ? maxNodes : 2 * maxNodes)) return;
  trace.nodes.set(span.spanId, {
    parentId: span.parentId,
    role,
    startMs: span.startMs,
    endMs: span.endMs,
    image: readImage(span),
    skipped,
    outcome: role === "pull" ? readOutcome(span) : UNKNOWN_OUTCOME,
    isCri: isCri(span.name),
  });
  if (role !== "part") trace.ended.set(span.spanId, settledMs);
}

/** A call may fail for other reasons than its pull. */
export const UNKNOWN_OUTCOME: PullOutcome = { ok: undefined, error: "" };

export function sizeOf({ nodes, requests, logged }: PendingTrace): number {
  return nodes.size + requests.length + logged.length;
}

/** The requests that are there, from the better of the two places. */
export function requestsOf({
  requests,
  logged,
  hasRequestSpans,
  isPush,
}: PendingTrace): readonly RawRequest[] {
  if (isPush) return [];
  return hasRequestSpans ? requests : withoutUnsent(logged);
}

const MAX_DEPTH = 64;

/**
 * What a span is part of: the outermost pull above it, itself included, or where there is none the outermost call.
 * Undefined while neither has come.
 */
export function ownerOf({ nodes }: PendingTrace, spanId: string): string | undefined {
  let pull: string | undefined;
  let call: string | undefined;
  let at = spanId;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const node = nodes.get(at);
    if (node === undefined) break;
    if (node.role === "pull") pull = at;
    else if (node.role === "call") call = at;
    at = node.parentId;
  }
  return pull ?? call;
}

/** Takes out the requests of a pull or call: those below it, and if it is the whole trace also those whose place is unknown. */
export function takeRequests(trace: PendingTrace, spanId: string): readonly RawRequest[] {
  const isRoot = trace.nodes.get(spanId)?.parentId === "";
  const isMine = ({ parentId }: RawRequest): boolean => {
    const owner = ownerOf(trace, parentId);
    return owner === spanId || (owner === undefined && isRoot);
  };
  const mine = requestsOf(trace).filter(isMine);
  trace.requests = trace.requests.filter((request) => !isMine(request));
  trace.logged = trace.logged.filter((request) => !isMine(request));
  return mine;
}

import type { RegistryRequest } from "../registry-request.ts";
import { attributeRequests } from "./attribute-requests.ts";
import type { PullContext } from "./find-origin.ts";
import { ownerOf, type PendingTrace, requestsOf, takeRequests, UNKNOWN_OUTCOME } from "./pending-trace.ts";
import type { PulledImage } from "./read-entry-span.ts";
import { type ToldPull, tellPulls } from "./tell-pulls.ts";

/** What spans come to. Requests of a pull come before the pull. */
export type TraceOutput = ToldPull | { readonly kind: "request"; readonly request: RegistryRequest };

/**
 * Tells a pull or call that has ended, with the requests that hang below it, and takes these out of the trace. One
 * that is a part of another, or whose part was told already, is not told again.
 */
export function endCall(trace: PendingTrace, spanId: string, context: PullContext): readonly TraceOutput[] {
  trace.ended.delete(spanId);
  const node = trace.nodes.get(spanId);
  if (node === undefined || ownerOf(trace, spanId) !== spanId) return [];
  const isTold = [...trace.told].some((told) => ownerOf(trace, told) === spanId);
  trace.told.add(spanId);
  const parts = [...trace.nodes].filter(([id]) => ownerOf(trace, id) === spanId).map(([, part]) => part);
  const image = node.image ?? parts.find((part) => part.image !== undefined)?.image;
  const requests = attributeRequests(takeRequests(trace, spanId), withImage(context, image));
  const { early } = trace;
  trace.early = undefined;
  if (isTold) return requests.map(asOutput);
  const { startMs, endMs, outcome, isCri } = node;
  const skipped = parts.flatMap((part) => part.skipped);
  const ended = { traceId: trace.id, image, startMs, endMs, outcome, requests, early, skipped, isCri };
  return [...requests.map(asOutput), ...tellPulls(ended, context.mirrors)];
}

/** Tells what is left of a trace whose end never came: lost with containerd, or given up for want of room. */
export function endTrace(trace: PendingTrace, context: PullContext): readonly TraceOutput[] {
  const outputs = [...trace.ended.keys()].flatMap((spanId) => endCall(trace, spanId, context));
  const image = [...trace.nodes.values()].find((node) => node.image !== undefined)?.image;
  const requests = attributeRequests(requestsOf(trace), withImage(context, image));
  const { early } = trace;
  const told = requests.map(asOutput);
  const all = [...(early?.first ?? []), ...requests];
  if (all.length === 0 || trace.told.size > 0) return [...outputs, ...told];
  const startMs = Math.min(...all.map(({ atMs, durationMs }) => atMs - durationMs));
  const endMs = Math.max(...all.map(({ atMs }) => atMs));
  const unknown = { outcome: UNKNOWN_OUTCOME, skipped: [], isCri: true };
  const ended = { traceId: trace.id, image, startMs, endMs, requests, early, ...unknown };
  return [...outputs, ...told, ...tellPulls(ended, context.mirrors)];
}

/** Tells the requests that are there before their pull is over. */
export function tellEarly(trace: PendingTrace, context: PullContext): readonly RegistryRequest[] {
  const image = [...trace.nodes.values()].find((node) => node.image !== undefined)?.image;
  const requests = attributeRequests(requestsOf(trace), withImage(context, image));
  trace.requests = [];
  trace.logged = [];
  return requests;
}

export function withImage(context: PullContext, image: PulledImage | undefined): PullContext {
  return image === undefined ? context : { ...context, image };
}

export function asOutput(request: RegistryRequest): TraceOutput {
  return { kind: "request", request };
}

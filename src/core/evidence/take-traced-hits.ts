import { type Desk, type Hit, isOf, isWithin, removeWhere, type TracedPull } from "./desk.ts";
import type { Pull } from "./pull.ts";

/** What the witness saw of a pull that a trace has told, and the trace does not show: spans get lost. */
export interface UnseenHits {
  /** The pull's own, for they name its trace. */
  readonly proven: readonly Hit[];
  /** They name no trace: of this pull, or of another one of the repository at the same time. */
  readonly doubtful: readonly Hit[];
}

/** Whoever asks the witness waits for its answer. Pods whose pulls share a trace make them one after the other. */
const TRACE_SLACK_MS = 50;

/** The hits of a pull that a trace has told. Those in doubt stay for the pull whose they may be. */
export function takeTracedHits(
  desk: Desk,
  pull: TracedPull & Pick<Pull, "traceId" | "requests">,
): { readonly hits: readonly Hit[]; readonly unseen: UnseenHits } {
  const { startedMs, endedMs, traceId, requests } = pull;
  const namesTrace = (hit: Hit) => hit.traceId !== undefined && traceId !== undefined;
  const isNear = (hit: Hit) =>
    isOf(hit, pull) &&
    (namesTrace(hit)
      ? hit.traceId === traceId && isWithin(hit.atMs, startedMs, endedMs, TRACE_SLACK_MS)
      : isWithin(hit.atMs, startedMs, endedMs));
  const shown = countBeyond(requests);
  // Of those that name no trace, as many as it shows; the same object may have been asked for by another pull.
  const isShown = (hit: Hit) => {
    const left = shown.get(keyOf(hit)) ?? 0;
    if (left > 0) shown.set(keyOf(hit), left - 1);
    return left > 0;
  };
  const proven: Hit[] = [];
  const isOwn = (hit: Hit) => {
    if (!isNear(hit)) return false;
    if (!namesTrace(hit)) return isShown(hit);
    if (!shown.has(keyOf(hit))) proven.push(hit);
    return true;
  };
  const hits = removeWhere(desk.hits, isOwn);
  const doubtful = desk.hits.filter(isNear);
  // Whoever of them failed, a trace or a notice will tell: they are no lost pull of their own.
  for (const hit of doubtful) hit.isUsed = true;
  return { hits, unseen: { proven, doubtful } };
}

function keyOf({ method, object }: Pick<Hit, "method" | "object">): string {
  return `${method} ${object}`;
}

/** How often the witness was asked, as far as a trace shows: once at least for what the upstream was asked for. */
function countBeyond(requests: Pull["requests"]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const request of requests)
    if (request.role === "witness") counts.set(keyOf(request), (counts.get(keyOf(request)) ?? 0) + 1);
  for (const request of requests)
    if (request.role === "upstream" && !counts.has(keyOf(request))) counts.set(keyOf(request), 1);
  return counts;
}

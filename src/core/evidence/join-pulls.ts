import { shortObject } from "./clean-text.ts";
import {
  type Desk,
  type Hit,
  isOf,
  isWithin,
  keepNewest,
  removeWhere,
  SLACK_MS,
  type TracedPull,
  type WaitingPull,
} from "./desk.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { ImageObject, Pull, PullNotice } from "./pull.ts";
import { takeTracedHits, type UnseenHits } from "./take-traced-hits.ts";

/** Hits of one failed pull are no further apart. */
const ONE_PULL_MS = 5000;
/** Where so many pulls in a row had no trace although traces come, this build of containerd makes none of pulls. */
const MISSED_TRACES = 3;

/** Takes a pull in; false when it is known already. `mayBeTraced`: spans of it may be on their way. */
export function expectPull(desk: Desk, notice: PullNotice, mayBeTraced: boolean, nowMs: number): boolean {
  // A trace that shows no requests is told as a notice: there is nothing better to wait for.
  const awaitsTrace = mayBeTraced && notice.from !== "trace" && desk.tracesMissed < MISSED_TRACES;
  const pull = toWaiting(notice, nowMs, awaitsTrace);
  if (desk.traced.some((traced) => isSame(pull, traced))) return false;
  const same = desk.waiting.find((other) => isToldAgain(other, pull));
  if (same === undefined) desk.waiting.push(pull);
  else merge(same, pull);
  return true;
}

/**
 * A trace has told a pull: nobody else's word on it is needed, but that of the witness on what the trace does not
 * show. Returns what waited for it, and its hits. Those in doubt stay for the pull whose they may be.
 */
export function closeTraced(
  desk: Desk,
  pull: TracedPull & Pick<Pull, "traceId" | "requests">,
  nowMs: number,
): { readonly waited: readonly WaitingPull[]; readonly hits: readonly Hit[]; readonly unseen: UnseenHits } {
  const { registry, repository, reference, startedMs, endedMs } = pull;
  keepNewest(desk.traced, EVIDENCE_LIMITS.tracedPulls, {
    registry,
    repository,
    reference,
    startedMs,
    endedMs,
  });
  removeWhere(desk.traced, (traced) => nowMs - traced.endedMs > EVIDENCE_LIMITS.tracedAgeMs);
  desk.tracesMissed = 0;
  const waited = removeWhere(desk.waiting, (waiting) => isSame(waiting, pull));
  return { waited, ...takeTracedHits(desk, pull) };
}

export function addHit(desk: Desk, hit: Hit): void {
  keepNewest(desk.hits, EVIDENCE_LIMITS.hits, hit);
}

/** Pulls whose time to wait is over, in the order of their ends, each with the hits that are its own. */
export function takeDue(
  desk: Desk,
  nowMs: number,
): readonly { readonly pull: WaitingPull; readonly hits: readonly Hit[] }[] {
  const overflow = desk.waiting.length - EVIDENCE_LIMITS.waitingPulls;
  const early = new Set(overflow > 0 ? desk.waiting.slice(0, overflow) : []);
  // A wall clock that was set back must not make anybody wait for hours.
  const isDue = ({ dueMs }: WaitingPull) => dueMs <= nowMs || dueMs > nowMs + 2 * EVIDENCE_LIMITS.traceWaitMs;
  const due = removeWhere(desk.waiting, (pull) => early.has(pull) || isDue(pull));
  desk.tracesMissed += due.filter(({ awaitsTrace }) => awaitsTrace).length;
  const taken = due
    .sort((a, b) => a.endedMs - b.endedMs)
    .map((pull) => ({ pull, hits: takeHits(desk, pull) }));
  removeWhere(desk.hits, ({ atMs }) => nowMs - atMs > EVIDENCE_LIMITS.hitAgeMs);
  return taken;
}

/**
 * Hits after which nobody was asked, and of whose pulls nobody told: a group for each pull that failed. containerd
 * ends a pull at the first of them but for the layers under way, and is asked again no sooner than ten seconds later.
 */
export function takeLost(desk: Desk, nowMs: number): readonly (readonly Hit[])[] {
  if (nowMs < lostMs(desk)) return [];
  const isLost = ({ isLast, isUsed, atMs }: Hit) =>
    isLast && !isUsed && nowMs - atMs >= EVIDENCE_LIMITS.lostMs;
  const groups: Hit[][] = [];
  for (const hit of removeWhere(desk.hits, isLost).sort((a, b) => a.atMs - b.atMs)) {
    const group = groups.findLast(([first]) => first !== undefined && isOf(first, hit));
    if (group !== undefined && hit.atMs - (group.at(-1)?.atMs ?? 0) < ONE_PULL_MS) group.push(hit);
    else groups.push([hit]);
  }
  return groups;
}

/** Infinity: nobody waits. */
export function nextDueMs(desk: Desk): number {
  return Math.min(lostMs(desk), ...desk.waiting.map(({ dueMs }) => dueMs));
}

function lostMs({ hits }: Desk): number {
  const first = hits.find(({ isLast, isUsed }) => isLast && !isUsed);
  return first === undefined ? Number.POSITIVE_INFINITY : first.atMs + EVIDENCE_LIMITS.lostMs;
}

/**
 * Hits during a pull whose start is known are its own, and stay for others of the same repository that overlap it.
 * Where only the end is known, all earlier ones of the repository are, and go; but a HEAD that is alone and long
 * ago was another try, which failed. What was fetched is known best of all: a GET of anything else is of another pull,
 * of another tag at the same time, or of a tool beside CRI.
 */
function takeHits(desk: Desk, pull: WaitingPull): readonly Hit[] {
  const { startedMs, endedMs } = pull;
  const target = targetOf(pull.reference);
  const fetched = fetchedBy(pull);
  // Of digests the log tells the beginning.
  const isAbout = (hit: Hit, object: string) => shortObject(hit.object) === shortObject(object);
  const isOwn = (hit: Hit) => {
    if (!isOf(hit, pull)) return false;
    if (hit.method === "HEAD") return target === undefined || isAbout(hit, target);
    return fetched === undefined || fetched.some(({ digest }) => isAbout(hit, digest));
  };
  if (startedMs !== undefined) {
    const own = desk.hits.filter((hit) => isOwn(hit) && isWithin(hit.atMs, startedMs, endedMs));
    for (const hit of own) hit.isUsed = true;
    return own;
  }
  const taken = removeWhere(desk.hits, (hit) => isOwn(hit) && hit.atMs <= endedMs + SLACK_MS);
  if (taken.some(({ method }) => method !== "HEAD")) return taken;
  return taken.filter(({ atMs }) => endedMs - atMs <= 5 * SLACK_MS);
}

/** What it brought; undefined: nobody knows. */
export function fetchedBy({ notices }: WaitingPull): readonly ImageObject[] | undefined {
  return notices.map(({ fetched }) => fetched).find((list) => list !== undefined);
}

function toWaiting(notice: PullNotice, nowMs: number, awaitsTrace: boolean): WaitingPull {
  const { registry, repository, reference, startedMs, endedMs } = notice;
  return {
    notices: [notice],
    registry,
    repository,
    reference: reference === "" ? undefined : reference,
    startedMs,
    endedMs,
    awaitsTrace,
    dueMs: nowMs + (awaitsTrace ? EVIDENCE_LIMITS.traceWaitMs : EVIDENCE_LIMITS.settleMs),
  };
}

/** Whether two sources tell of the same pull; one source never tells of a pull twice. */
function isToldAgain(known: WaitingPull, told: WaitingPull): boolean {
  if (known.notices.some(({ from }) => told.notices.some((one) => one.from === from))) return false;
  if (known.startedMs !== undefined) return isSame(told, { ...known, startedMs: known.startedMs });
  if (told.startedMs !== undefined) return isSame(known, { ...told, startedMs: told.startedMs });
  return isSame(told, { ...known, startedMs: known.endedMs });
}

function merge(known: WaitingPull, told: WaitingPull): void {
  known.notices.push(...told.notices);
  if (known.startedMs === undefined && told.startedMs !== undefined) {
    known.startedMs = told.startedMs;
    known.endedMs = told.endedMs;
  }
  if (told.awaitsTrace) return;
  known.awaitsTrace = false;
  known.dueMs = Math.min(known.dueMs, told.dueMs);
}

/** The same image, and an end within the time of the pull. */
function isSame(waiting: WaitingPull, pull: TracedPull): boolean {
  if (!isOf(waiting, pull)) return false;
  const { reference } = pull;
  if (reference !== undefined && waiting.reference !== undefined && reference !== waiting.reference)
    return false;
  return isWithin(waiting.endedMs, pull.startedMs, pull.endedMs);
}

/** The tag or digest that a reference asks for. */
function targetOf(reference: string | undefined): string | undefined {
  return reference === undefined ? undefined : /[@:]((?:[a-z0-9]+:)?[\w][\w.-]*)$/.exec(reference)?.[1];
}

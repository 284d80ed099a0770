import { cleanText } from "./clean-text.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { Fallback, HostProbe, SourceState } from "./evidence-report.ts";
import { type Answered, judgePull } from "./grade-pull.ts";
import { addHit, closeTraced, expectPull, nextDueMs, takeDue, type WaitingPull } from "./join-pulls.ts";
import { judgeByWitness } from "./judge-by-witness.ts";
import { type Book, bookOf, countCanaryFailure, type Ledger, probeKey } from "./ledger.ts";
import { fallbackOfHit, fallbacksOfPull, isByDesign } from "./list-fallbacks.ts";
import type { Pull, PullNotice, WitnessHit } from "./pull.ts";
import { summarizePull } from "./recent-pull.ts";
import type { RegistryRequest } from "./registry-request.ts";
import { countRequest } from "./request-tally.ts";
import { nextTurnMs, recordSight, settleVerdict } from "./verdict-track.ts";

export function recordRequest(ledger: Ledger, request: RegistryRequest): void {
  countRequest(bookOf(ledger, request.registry).requests, request);
}

/** A traced pull is booked at once; one of a canary waits for what others say of it. */
export function recordPull(ledger: Ledger, told: Pull, nowMs: number): void {
  const pull = { ...told, endedMs: Math.min(told.endedMs, nowMs) };
  if (pull.source === "canary") {
    const isNews = expectPull(ledger.desk, pull, isUp(ledger, "trace"), nowMs);
    if (!isNews && pull.path !== "failed") forgetFailures(bookOf(ledger, pull.registry), pull);
    return;
  }
  const waited = closeTraced(ledger.desk, pull, nowMs);
  const book = bookOf(ledger, pull.registry);
  if (pull.path !== "failed")
    for (const { canary } of waited) if (canary !== undefined) forgetFailures(book, canary);
  recordTracedFallbacks(ledger, book, pull);
  bookPull(ledger, book, pull, "unknown", nowMs);
}

export function recordNotice(ledger: Ledger, told: PullNotice, nowMs: number): void {
  const notice = { ...told, endedMs: Math.min(told.endedMs, nowMs) };
  expectPull(ledger.desk, notice, isUp(ledger, "trace"), nowMs);
}

export function recordHit(ledger: Ledger, told: WitnessHit, nowMs: number): void {
  const hit = { ...told, atMs: Math.min(told.atMs, nowMs) };
  const book = bookOf(ledger, hit.registry);
  if (isByDesign(hit, book.watched)) return;
  book.fallbacks++;
  addHit(ledger.desk, hit);
  showFallback(ledger, fallbackOfHit(hit, book.watched));
}

export function recordProbe(ledger: Ledger, probe: HostProbe): void {
  const book = ledger.books.get(probe.registry);
  const key = book === undefined ? undefined : probeKey(book, probe);
  if (book === undefined || key === undefined) return;
  const before = book.probes.get(key);
  if (before !== undefined && before.newest.atMs > probe.atMs) return;
  const newest = { ...probe, message: cleanText(probe.message) };
  book.probes.set(key, { newest, lastFailedMs: probe.ok ? before?.lastFailedMs : probe.atMs });
}

export function recordSource(ledger: Ledger, state: SourceState): void {
  ledger.sources.set(state.source, { ...state, message: cleanText(state.message) });
}

/** Books the pulls whose time to wait is over, and turns verdicts that change by time alone. */
export function advanceLedger(ledger: Ledger, nowMs: number): void {
  for (const { pull, hits } of takeDue(ledger.desk, nowMs)) bookWaiting(ledger, pull, hits, nowMs);
  for (const book of ledger.books.values()) if (book.turnMs <= nowMs) settle(ledger, book, nowMs);
}

/** When `advanceLedger` has something to do next; undefined: not before something else happens. */
export function nextAdvanceMs({ books, desk }: Ledger): number | undefined {
  let next = nextDueMs(desk);
  for (const { turnMs } of books.values()) next = Math.min(next, turnMs);
  return Number.isFinite(next) ? next : undefined;
}

function bookWaiting(ledger: Ledger, waiting: WaitingPull, hits: readonly WitnessHit[], nowMs: number): void {
  const book = bookOf(ledger, waiting.registry);
  const { registry, repository, reference, canary, endedMs } = waiting;
  const base = {
    source: canary === undefined ? ("witness" as const) : ("canary" as const),
    registry,
    repository,
    ...(reference === undefined ? {} : { reference }),
    startedMs: waiting.startedMs ?? hits[0]?.atMs ?? endedMs,
    endedMs,
    requests: canary?.requests ?? [],
  };
  if (!waiting.ok) {
    const reason = waiting.error ?? "containerd does not say why";
    const isMissingImage = canary?.isMissingImage ?? isMissing(reason, book);
    bookPull(ledger, book, { ...base, path: "failed", reason, isMissingImage }, "unknown", nowMs);
    return;
  }
  const isSeen = hits.length > 0 || (book.witnessed && isUp(ledger, "witness"));
  if (isSeen) {
    const { answered, ...view } = judgeByWitness(hits, book.watched);
    const path = view.path === "mirror" && canary?.path === "none" ? "none" : view.path;
    bookPull(ledger, book, { ...base, ...view, path, source: "witness" }, answered, nowMs);
    if (canary !== undefined) forgetFailures(book, canary);
  } else if (canary !== undefined) bookPull(ledger, book, { ...canary, ...base }, "unknown", nowMs);
  else book.lastUnseenMs = Math.max(book.lastUnseenMs ?? 0, endedMs);
}

function bookPull(ledger: Ledger, book: Book, pull: Pull, answered: Answered, nowMs: number): void {
  book.pulls[pull.path]++;
  ledger.recentPulls.unshift(summarizePull(pull));
  ledger.recentPulls.length = Math.min(ledger.recentPulls.length, EVIDENCE_LIMITS.recentPulls);
  const { watched } = book;
  if (watched === undefined) return;
  const isOfToday = pull.startedMs >= book.inForceMs && nowMs - pull.endedMs <= EVIDENCE_LIMITS.ageMs;
  const judged = judgePull(pull, answered, watched);
  if (judged?.grade === "mirrored")
    book.lastMirrorPullMs = Math.max(book.lastMirrorPullMs ?? 0, pull.endedMs);
  if (judged === undefined || !isOfToday || !isGraded(book, pull)) return;
  settle(ledger, book, nowMs);
  recordSight(book.track, judged.grade, judged.sight);
  settle(ledger, book, nowMs);
}

/** The first failure of a canary is a warning to itself. */
function isGraded(book: Book, pull: Pull): boolean {
  if (pull.source !== "canary") return true;
  if (pull.path === "failed")
    return countCanaryFailure(book, canaryName(pull)) >= EVIDENCE_LIMITS.canaryFailures;
  forgetFailures(book, pull);
  return true;
}

function forgetFailures({ canaryFailures }: Book, canary: Pull): void {
  canaryFailures.delete(canaryName(canary));
}

function canaryName({ reference, repository }: Pull): string {
  return reference ?? repository;
}

function settle(ledger: Ledger, book: Book, nowMs: number): void {
  const { track, watched } = book;
  if (settleVerdict(track, nowMs) && watched !== undefined) ledger.turned.add(watched.namespace);
  book.turnMs = nextTurnMs(track, nowMs);
}

/** The witness has told what it answered; what it did not is told by the trace alone. */
function recordTracedFallbacks(ledger: Ledger, book: Book, pull: Pull): void {
  if (book.watched === undefined) return;
  const fallbacks = fallbacksOfPull(pull, book.watched);
  book.fallbacks += fallbacks.filter(({ isWitnessed }) => !isWitnessed).length;
  for (const { isWitnessed: _, ...fallback } of fallbacks.slice(0, EVIDENCE_LIMITS.fallbacksOfOnePull))
    showFallback(ledger, fallback);
}

/** A trace tells more of what the witness saw a moment ago, and takes its place. */
function showFallback({ recentFallbacks }: Ledger, fallback: Fallback): void {
  const isSame = (other: Fallback) =>
    other.registry === fallback.registry && other.repository === fallback.repository;
  const near = recentFallbacks.filter(
    (other) => isSame(other) && Math.abs(other.atMs - fallback.atMs) < 10_000,
  );
  const known = near.find(
    ({ object, kind, source }) =>
      object === fallback.object && kind === fallback.kind && source !== fallback.source,
  );
  if (known !== undefined) {
    if (known.source === "witness") recentFallbacks[recentFallbacks.indexOf(known)] = fallback;
    return;
  }
  if (near.length >= EVIDENCE_LIMITS.fallbacksOfOnePull) return;
  const place = recentFallbacks.findIndex(({ atMs }) => atMs <= fallback.atMs);
  recentFallbacks.splice(place === -1 ? recentFallbacks.length : place, 0, fallback);
  recentFallbacks.length = Math.min(recentFallbacks.length, EVIDENCE_LIMITS.recentFallbacks);
}

/**
 * "not found" means that nobody has the image, unless a mirror is known not to answer where it is the only way:
 * from containerd 2.0 on the words of the last host, the witness, are shown then.
 */
function isMissing(reason: string, { watched, probes }: Book): boolean {
  if (!/\bnot found\W*$/i.test(reason) || /unexpected media type/i.test(reason)) return false;
  const isDown = [...probes.values()].some(({ newest }) => newest.role === "mirror" && !newest.ok);
  return !(watched?.upstream === "never" && isDown);
}

function isUp(ledger: Ledger, source: "trace" | "witness"): boolean {
  return ledger.sources.get(source)?.up === true;
}

import { bookLost, bookPull, bookWaiting, forgetFailures, settleBook } from "./book-pull.ts";
import { cleanText } from "./clean-text.ts";
import type { Hit } from "./desk.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { HostProbe, LoggedFallback, SourceState } from "./evidence-report.ts";
import { followClock } from "./follow-clock.ts";
import { addHit, closeTraced, expectPull, nextDueMs, takeDue, takeLost } from "./join-pulls.ts";
import { judgeUnseenHits } from "./judge-unseen-hits.ts";
import { type Book, bookOf, isUp, type Ledger, probeKey } from "./ledger.ts";
import { fallbackOfHit, fallbacksOfPull, isByDesign, type TracedFallback } from "./list-fallbacks.ts";
import type { Pull, PullNotice, WitnessHit } from "./pull.ts";
import { isServed } from "./recent-pull.ts";
import type { RegistryRequest } from "./registry-request.ts";
import { countRequest } from "./request-tally.ts";
import { showFallback } from "./show-fallback.ts";

export function recordRequest(ledger: Ledger, request: RegistryRequest): void {
  countRequest(bookOf(ledger, request.registry).requests, request);
}

/** A traced pull is booked at once; of one of a canary it counts whether it succeeded. */
export function recordPull(ledger: Ledger, told: Pull, nowMs: number): void {
  if (told.source === "canary") {
    recordNotice(ledger, canaryNotice(told), nowMs);
    return;
  }
  const book = bookOf(ledger, told.registry);
  const ended = byDesign({ ...told, endedMs: Math.min(told.endedMs, nowMs) }, book);
  const { waited, hits, unseen } = closeTraced(ledger.desk, ended, nowMs);
  const judged = judgeUnseenHits(ended, unseen, book.watched);
  const pull = judged ?? ended;
  const notices = waited.flatMap((waiting) => waiting.notices);
  if (pull.path !== "failed" && notices.some(({ from }) => from === "canary")) forgetFailures(book, pull);
  recordTracedFallbacks(ledger, book, pull, hits);
  // What was asked before we listened was told to nobody: it may have been the upstream.
  // So does one that began later than it ended: the clock was set back meanwhile.
  const isOdd = pull.startedMs < ledger.startedMs || pull.startedMs > pull.endedMs;
  const isHalfSeen = judged === undefined || (pull.path === "mirror" && isOdd);
  if (isHalfSeen) book.lastUnseenMs = Math.max(book.lastUnseenMs ?? 0, pull.endedMs);
  else bookPull(ledger, book, pull, nowMs);
}

export function recordNotice(ledger: Ledger, told: PullNotice, nowMs: number): void {
  const notice = { ...told, endedMs: Math.min(told.endedMs, nowMs) };
  const isNews = expectPull(ledger.desk, notice, isUp(ledger, "trace"), nowMs);
  if (!isNews && notice.ok && notice.from === "canary")
    forgetFailures(bookOf(ledger, notice.registry), notice);
}

export function recordHit(ledger: Ledger, told: WitnessHit, nowMs: number): void {
  const hit = { ...told, atMs: Math.min(told.atMs, nowMs) };
  const book = bookOf(ledger, hit.registry);
  if (isByDesign(hit, book.watched)) return;
  book.fallbacks++;
  addHit(ledger.desk, { ...hit, from: "witness", isLast: book.watched?.upstream === "never", isUsed: false });
  showFallback(ledger, fallbackOfHit(hit, book.watched));
}

/** Where the witness or traces see them, log lines only add their words: what they tell is counted already. */
export function recordLogged(ledger: Ledger, told: LoggedFallback, nowMs: number): void {
  const { method, ...shown } = told;
  const fallback = { ...shown, atMs: Math.min(told.atMs, nowMs) };
  const book = bookOf(ledger, fallback.registry);
  showFallback(ledger, fallback);
  if (isUp(ledger, "trace") || (book.isInForce && isUp(ledger, "witness"))) return;
  book.fallbacks++;
  const { atMs, registry, repository, kind, object } = fallback;
  const hit = { method, atMs, registry, repository, kind, object };
  addHit(ledger.desk, { ...hit, from: "log", isLast: false, isUsed: false });
}

/** True when the host began or ceased to answer; a first answer is no news. */
export function recordProbe(ledger: Ledger, probe: HostProbe): boolean {
  const book = ledger.books.get(probe.registry);
  const key = book === undefined ? undefined : probeKey(book, probe);
  if (book === undefined || key === undefined) return false;
  const before = book.probes.get(key);
  if (before !== undefined && before.newest.atMs > probe.atMs) return false;
  const newest = { ...probe, message: cleanText(probe.message) };
  book.probes.set(key, { newest, lastFailedMs: probe.ok ? before?.lastFailedMs : probe.atMs });
  return probe.ok !== (before?.newest.ok ?? true);
}

export function recordSource(ledger: Ledger, state: SourceState, nowMs: number): void {
  const before = ledger.sources.get(state.source);
  // A source that is down does not say what it missed before.
  const missed = Math.max(before?.missed ?? 0, state.missed ?? 0);
  const isGap = before?.up !== true || missed > (before.missed ?? 0);
  if (state.source === "witness" && isGap) ledger.witnessSinceMs = nowMs;
  const told = { source: state.source, up: state.up, message: cleanText(state.message) };
  ledger.sources.set(state.source, missed === 0 ? told : { ...told, missed });
}

/** Books the pulls whose time to wait is over, and turns verdicts that change by time alone. */
export function advanceLedger(ledger: Ledger, nowMs: number): void {
  followClock(ledger, nowMs);
  for (const { pull, hits } of takeDue(ledger.desk, nowMs)) bookWaiting(ledger, pull, hits, nowMs);
  for (const hits of takeLost(ledger.desk, nowMs)) bookLost(ledger, hits, nowMs);
  for (const book of ledger.books.values()) if (book.turnMs <= nowMs) settleBook(ledger, book, nowMs);
}

/** When `advanceLedger` has something to do next; undefined: not before something else happens. */
export function nextAdvanceMs({ books, desk }: Ledger): number | undefined {
  let next = nextDueMs(desk);
  for (const { turnMs } of books.values()) next = Math.min(next, turnMs);
  return Number.isFinite(next) ? next : undefined;
}

function canaryNotice({
  path,
  reason,
  reference,
  registry,
  repository,
  startedMs,
  endedMs,
}: Pull): PullNotice {
  const why = reason === undefined ? {} : { error: reason };
  const image = { registry, repository, reference: reference ?? "" };
  return { from: "canary", ...image, startedMs, endedMs, ok: path !== "failed", ...why };
}

/** Where mirrors are for digests only, the tag that the upstream resolved does not make a pull a mixed one. */
function byDesign(pull: Pull, { watched }: Book): Pull {
  const beyond = pull.requests.filter(
    (request) => request.role === "witness" || (request.role === "upstream" && isServed(request)),
  );
  const isWanted =
    pull.path === "mixed" && beyond.length > 0 && beyond.every((request) => isByDesign(request, watched));
  return isWanted ? { ...pull, path: "mirror" } : pull;
}

/** The witness has counted what it saw; what it did not see, the trace alone tells. */
function recordTracedFallbacks(ledger: Ledger, book: Book, pull: Pull, hits: readonly Hit[]): void {
  if (book.watched === undefined) return;
  const fallbacks = fallbacksOfPull(pull, book.watched);
  const isSeen = ({ method, object, kind }: TracedFallback) =>
    hits.some((hit) => hit.method === method && hit.object === object && hit.kind === kind);
  book.fallbacks += fallbacks.filter((fallback) => !isSeen(fallback)).length;
  for (const { shown } of fallbacks.slice(0, EVIDENCE_LIMITS.fallbacksOfOnePull)) showFallback(ledger, shown);
}

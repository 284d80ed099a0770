import type { Hit, WaitingPull } from "./desk.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import { judgePull } from "./grade-pull.ts";
import { fetchedBy } from "./join-pulls.ts";
import { judgeByWitness } from "./judge-by-witness.ts";
import { judgeMissing, noteServed } from "./judge-missing.ts";
import { type Book, bookOf, countCanaryFailure, isUp, type Ledger } from "./ledger.ts";
import type { Pull, PullNotice } from "./pull.ts";
import { summarizePull } from "./recent-pull.ts";
import { nextTurnMs, recordSight, settleVerdict } from "./verdict-track.ts";

/** Counts a pull, and lets it turn the verdict of its registry. */
export function bookPull(ledger: Ledger, book: Book, pull: Pull, nowMs: number): void {
  book.pulls[pull.path]++;
  ledger.recentPulls.unshift(summarizePull(pull));
  ledger.recentPulls.length = Math.min(ledger.recentPulls.length, EVIDENCE_LIMITS.recentPulls);
  if (pull.path === "mirror") book.lastMirrorPullMs = Math.max(book.lastMirrorPullMs ?? 0, pull.endedMs);
  const { watched } = book;
  if (watched === undefined) return;
  const isOfToday = pull.startedMs >= book.inForceMs && nowMs - pull.endedMs <= EVIDENCE_LIMITS.ageMs;
  if (!isOfToday) return;
  noteServed(ledger, book, pull);
  const judged = judgePull(pull, watched, judgeMissing(ledger, book, pull));
  if (judged === undefined || !isGraded(book, pull)) return;
  settleBook(ledger, book, nowMs);
  recordSight(book.track, judged.grade, judged.sight);
  settleBook(ledger, book, nowMs);
}

/** Books a pull of which nobody saw all requests, by what reached the witness meanwhile. */
export function bookWaiting(ledger: Ledger, waiting: WaitingPull, hits: readonly Hit[], nowMs: number): void {
  const book = bookOf(ledger, waiting.registry);
  const { notices, registry, repository, reference, endedMs } = waiting;
  const from = (teller: PullNotice["from"]) => notices.some((notice) => notice.from === teller);
  const base = {
    registry,
    repository,
    ...(reference === undefined ? {} : { reference }),
    startedMs: waiting.startedMs ?? hits[0]?.atMs ?? endedMs,
    endedMs,
    requests: [],
  };
  if (notices.some(({ ok }) => !ok)) {
    const reason =
      notices.map(({ error }) => error).find((error) => error !== undefined) ?? "containerd does not say why";
    const source = from("trace") ? "trace" : from("canary") ? "canary" : "log";
    const isMissingImage = isMissing(reason, book);
    bookPull(ledger, book, { ...base, source, path: "failed", reason, isMissingImage }, nowMs);
    return;
  }
  if (from("canary")) forgetFailures(book, base);
  const fetched = fetchedBy(waiting);
  const skipped = notices.flatMap((notice) => notice.skipped ?? []);
  const isWitnessed = isWitnessedFromStart(ledger, book, waiting);
  const view = judgeByWitness({ hits, fetched, skipped }, book.watched);
  const isProof = view.path !== "mirror" || isWitnessed;
  if (isProof) {
    const isHit = isWitnessed || hits.some((hit) => hit.from === "witness");
    const source = isHit ? "witness" : hits.length > 0 ? "log" : "trace";
    bookPull(ledger, book, { ...base, ...view, source }, nowMs);
  } else if (from("canary") && book.isInForce && book.watched?.upstream === "never")
    bookPull(ledger, book, { ...base, source: "canary", path: "mirror" }, nowMs);
  else book.lastUnseenMs = Math.max(book.lastUnseenMs ?? 0, endedMs);
}

/** Whether the silence of the witness means something: containerd knew of it when the pull began, and it has missed nothing since. */
function isWitnessedFromStart(ledger: Ledger, book: Book, pull: WaitingPull): boolean {
  if (!book.isInForce || !isUp(ledger, "witness")) return false;
  const { notices, startedMs, endedMs } = pull;
  if (startedMs !== undefined && startedMs > endedMs) return false;
  const firstPartMs = notices.map((notice) => notice.firstPartMs).find((ms) => ms !== undefined);
  const beganMs = startedMs ?? firstPartMs ?? endedMs - EVIDENCE_LIMITS.hitAgeMs;
  return beganMs >= Math.max(ledger.witnessSinceMs, book.witnessedMs);
}

/** Books a pull that failed where nothing but the witness tells of it: nobody is asked after it. */
export function bookLost(ledger: Ledger, hits: readonly Hit[], nowMs: number): void {
  const [first] = hits;
  if (first === undefined) return;
  const { registry, repository } = first;
  const book = bookOf(ledger, registry);
  const target = hits.find(({ method }) => method === "HEAD")?.object;
  const separator = target?.includes(":") === true ? "@" : ":";
  const reference =
    target === undefined ? {} : { reference: `${registry}/${repository}${separator}${target}` };
  const { reason = "" } = judgeByWitness({ hits, fetched: undefined, skipped: [] }, book.watched);
  // Mirrors that resolved it do not lack the image, and a mirror that is down may well have it.
  const isMissingImage = hits.every(({ method }) => method === "HEAD") && !hasDeadMirror(book);
  const times = { startedMs: first.atMs, endedMs: hits.at(-1)?.atMs ?? first.atMs };
  const pull: Pull = {
    source: "witness",
    registry,
    repository,
    ...reference,
    ...times,
    path: "failed",
    reason,
    isMissingImage,
    requests: [],
  };
  bookPull(ledger, book, pull, nowMs);
}

/** Remembers how the verdict stands, and when it may change by time alone. */
export function settleBook(ledger: Ledger, book: Book, nowMs: number): void {
  const { track, watched } = book;
  if (settleVerdict(track, nowMs) && watched !== undefined) ledger.turned.add(watched.namespace);
  book.turnMs = nextTurnMs(track, nowMs);
}

/** The first failure of a canary is a warning to itself. */
function isGraded(book: Book, pull: Pull): boolean {
  if (pull.source !== "canary" || pull.path !== "failed") return true;
  return countCanaryFailure(book, canaryName(pull)) >= EVIDENCE_LIMITS.canaryFailures;
}

/** A canary that succeeds begins anew. */
export function forgetFailures(
  { canaryFailures }: Book,
  canary: Pick<Pull, "reference" | "repository">,
): void {
  canaryFailures.delete(canaryName(canary));
}

function canaryName({ reference, repository }: Pick<Pull, "reference" | "repository">): string {
  return reference ?? repository;
}

/**
 * "not found" means that nobody has the image, unless a mirror is known not to answer where it is the only way:
 * from containerd 2.0 on the words of the last host, the witness, are shown then.
 */
function isMissing(reason: string, book: Book): boolean {
  if (!/\bnot found\W*$/i.test(reason) || /unexpected media type/i.test(reason)) return false;
  return !(book.watched?.upstream === "never" && hasDeadMirror(book));
}

function hasDeadMirror({ probes }: Book): boolean {
  return [...probes.values()].some(({ newest }) => newest.role === "mirror" && !newest.ok);
}

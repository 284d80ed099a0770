import { moveTimes } from "./judge-missing.ts";
import type { Book, Ledger } from "./ledger.ts";
import { moveSights } from "./verdict-track.ts";

/** Less than this is no jump, but clocks that are read in another order. */
export const JUMP_MS = 5000;

/**
 * A wall clock that was set back would make what was seen before newer than all that comes: the age of what is known
 * stays as it is instead. That it was set forward only `moveLedger`'s caller can know.
 */
export function followClock(ledger: Ledger, nowMs: number): void {
  const backMs = ledger.latestMs - nowMs;
  if (backMs >= JUMP_MS) moveLedger(ledger, -backMs, nowMs);
  else if (backMs <= 0) ledger.latestMs = nowMs;
}

/**
 * The wall clock was set, forward or back, and shows `nowMs` now: all that is known keeps its age. Of a pull
 * under way meanwhile the times fit nothing: it counts as one that began before anybody looked.
 */
export function moveLedger(ledger: Ledger, byMs: number, nowMs: number): void {
  ledger.latestMs = nowMs;
  ledger.startedMs = nowMs;
  ledger.witnessSinceMs = nowMs;
  for (const book of [ledger.unwatched, ...ledger.books.values()]) moveBook(book, byMs);
  moveTimes(ledger.served, byMs);
  const { desk, recentFallbacks, recentPulls } = ledger;
  move(desk.hits, (hit) => ({ ...hit, atMs: hit.atMs + byMs }));
  desk.traced.length = 0;
  for (const pull of desk.waiting) {
    if (pull.startedMs !== undefined) pull.startedMs += byMs;
    pull.endedMs += byMs;
    pull.dueMs += byMs;
  }
  move(recentFallbacks, (one) => ({ ...one, atMs: one.atMs + byMs }));
  move(recentPulls, (one) => ({ ...one, startedMs: one.startedMs + byMs, endedMs: one.endedMs + byMs }));
}

function moveBook(book: Book, byMs: number): void {
  book.witnessedMs += byMs;
  // 0: since ever.
  if (book.inForceMs !== 0) book.inForceMs += byMs;
  book.turnMs += byMs;
  if (book.lastMirrorPullMs !== undefined) book.lastMirrorPullMs += byMs;
  if (book.lastUnseenMs !== undefined) book.lastUnseenMs += byMs;
  if (book.servedMs !== undefined) book.servedMs += byMs;
  moveTimes(book.missing, byMs);
  moveSights(book.track, byMs);
  for (const [key, { newest, lastFailedMs }] of book.probes)
    book.probes.set(key, {
      newest: { ...newest, atMs: newest.atMs + byMs },
      lastFailedMs: lastFailedMs === undefined ? undefined : lastFailedMs + byMs,
    });
}

function move<T>(list: T[], change: (item: T) => T): void {
  for (const [index, item] of list.entries()) list[index] = change(item);
}

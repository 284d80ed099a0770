import { moveTimes } from "./judge-missing.ts";
import type { Ledger } from "./ledger.ts";
import { moveSights } from "./verdict-track.ts";

/** Less than this is no jump, but clocks that are read in another order. */
const JUMP_MS = 5000;

/**
 * A wall clock that was set back would make what was seen before newer than all that comes: the age of what is known
 * stays as it is instead.
 */
export function followClock(ledger: Ledger, nowMs: number): void {
  const backMs = ledger.latestMs - nowMs;
  if (backMs > 0 && backMs < JUMP_MS) return;
  ledger.latestMs = nowMs;
  if (backMs <= 0) return;
  ledger.startedMs -= backMs;
  ledger.witnessSinceMs -= backMs;
  for (const book of ledger.books.values()) {
    book.witnessedMs = Math.min(book.witnessedMs, nowMs);
    book.inForceMs = Math.min(book.inForceMs, nowMs);
    moveSights(book.track, -backMs);
    moveTimes(book.missing, -backMs);
    if (book.servedMs !== undefined) book.servedMs -= backMs;
  }
  moveTimes(ledger.served, -backMs);
  const { hits, traced } = ledger.desk;
  for (const [index, hit] of hits.entries()) hits[index] = { ...hit, atMs: hit.atMs - backMs };
  traced.length = 0;
}

/** Handshakes cost a signature each: so many a second are anybody's, the rest is for those we know. */
const PER_SECOND = 200;
const AT_ONCE = 400;

/** True as long as there is budget left. `now` is in milliseconds and never goes back. */
export function createHandshakeBudget(now: () => number): () => boolean {
  let left = AT_ONCE;
  let atMs = now();
  return () => {
    const nowMs = now();
    left = Math.min(AT_ONCE, left + ((nowMs - atMs) * PER_SECOND) / 1000);
    atMs = nowMs;
    if (left < 1) return false;
    left--;
    return true;
  };
}

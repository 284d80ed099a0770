/** Handshakes cost a signature each: so many a second are anybody's, the rest is for those we know. */
const PER_SECOND = 200;
const AT_ONCE = 400;

export interface HandshakeBudget {
  /** True as long as there is some left. */
  take(): boolean;
  /** More come than any number of pulls would bring. */
  isFlood(): boolean;
}

/** `now` is in milliseconds and never goes back. */
export function createHandshakeBudget(now: () => number): HandshakeBudget {
  let left = AT_ONCE;
  let atMs = now();
  const earn = (): void => {
    const nowMs = now();
    left = Math.min(AT_ONCE, left + ((nowMs - atMs) * PER_SECOND) / 1000);
    atMs = nowMs;
  };
  return {
    take() {
      earn();
      if (left < 1) return false;
      left--;
      return true;
    },
    isFlood() {
      earn();
      return left < AT_ONCE / 2;
    },
  };
}

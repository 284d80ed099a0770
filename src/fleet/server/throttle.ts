/** A bucket of tokens. */
export interface Throttle {
  /** How long to wait before the next one; 0: it may come. */
  take(nowMs: number): number;
}

/** `burst` at once, and `perSecond` in the long run. */
export function createThrottle(burst: number, perSecond: number): Throttle {
  let level = burst;
  let lastMs: number | undefined;
  return {
    take(nowMs) {
      level = Math.min(burst, level + ((nowMs - (lastMs ?? nowMs)) / 1_000) * perSecond);
      lastMs = nowMs;
      level--;
      return level >= 0 ? 0 : (-level / perSecond) * 1_000;
    },
  };
}

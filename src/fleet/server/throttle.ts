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
      // Who goes on all the same does not run up debts.
      level = Math.max(-1, level - 1);
      return level >= 0 ? 0 : (-level / perSecond) * 1_000;
    },
  };
}

/** A bucket for each of many; those that have not been asked for longest are forgotten, which is to say full again. */
export interface KeyedThrottle {
  take(key: string, nowMs: number): number;
}

const MOST_KEYS = 20_000;

export function createKeyedThrottle(burst: number, perSecond: number): KeyedThrottle {
  const buckets = new Map<string, Throttle>();
  return {
    take(key, nowMs) {
      const bucket = buckets.get(key) ?? createThrottle(burst, perSecond);
      buckets.delete(key);
      buckets.set(key, bucket);
      const [oldest] = buckets.keys();
      if (buckets.size > MOST_KEYS && oldest !== undefined) buckets.delete(oldest);
      return bucket.take(nowMs);
    },
  };
}

/** How often a request is tried. Jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
export const RETRIES = {
  /** So often, and for so long: a registry that restarts is back by then. */
  tries: 8,
  leastMs: 120_000,
  /** However short the waits happened to be. */
  mostTries: 40,
  firstMs: 500,
  longestMs: 30_000,
  /** A wait that a registry may ask for. */
  askedMs: 3_600_000,
};

/** Answers that another try may turn into success. */
export function isPassing(status: number): boolean {
  return [408, 425, 429, 500, 502, 503, 504].includes(status);
}

/** Full jitter after the `failed`th failure (1, 2, …); a wait the registry asks for is kept, whatever its length. `random` is below 1. */
export function retryDelayMs(failed: number, random: number, askedMs = 0): number {
  const longest = Math.min(RETRIES.longestMs, RETRIES.firstMs * 2 ** (failed - 1));
  const jitter = Math.ceil(random * longest);
  // All who were told the same second must not come back in it.
  return askedMs > 0 ? askedMs + Math.min(jitter, Math.ceil(askedMs / 4) + 250) : jitter;
}

/** `Retry-After` in ms: seconds, or a date. Undefined: none that can be read. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

export interface Limit {
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * A signal that also ends after a time. AbortSignal.any keeps every source alive as long as the longest: the agent's
 * own signal never ends.
 */
export function limitTo(timeoutMs: number, outer: AbortSignal): Limit {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  if (outer.aborted) abort();
  else outer.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
    },
  };
}

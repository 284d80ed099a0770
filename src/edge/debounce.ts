/** Runs an action once things are quiet, or at the latest `maxMs` after the first poke of a flood. */
export interface Debounce {
  /** Cheap: a thousand files of ours that appear are thousands of pokes. */
  poke(): void;
  /** Nothing runs any more. */
  cancel(): void;
}

export function createDebounce(quietMs: number, maxMs: number, action: () => void): Debounce {
  let timer: NodeJS.Timeout | undefined;
  let firstPokeMs = 0;
  let lastPokeMs = 0;
  let cancelled = false;
  const wait = (nowMs: number): void => {
    const leftMs = Math.min(lastPokeMs + quietMs, firstPokeMs + maxMs) - nowMs;
    if (leftMs > 0) timer = setTimeout(() => wait(performance.now()), leftMs);
    else {
      timer = undefined;
      action();
    }
  };
  return {
    poke() {
      if (cancelled) return;
      lastPokeMs = performance.now();
      if (timer !== undefined) return;
      firstPokeMs = lastPokeMs;
      wait(lastPokeMs);
    },
    cancel() {
      cancelled = true;
      clearTimeout(timer);
    },
  };
}

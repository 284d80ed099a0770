/** Runs an action once things are quiet, or at the latest `maxMs` after the first poke of a flood. */
export interface Debounce {
  poke(): void;
  /** Nothing runs any more. */
  cancel(): void;
}

export function createDebounce(quietMs: number, maxMs: number, action: () => void): Debounce {
  let timer: NodeJS.Timeout | undefined;
  let firstPokeMs = 0;
  let cancelled = false;
  const fire = () => {
    timer = undefined;
    action();
  };
  return {
    poke() {
      if (cancelled) return;
      const nowMs = performance.now();
      if (timer === undefined) firstPokeMs = nowMs;
      else clearTimeout(timer);
      timer = setTimeout(fire, Math.max(0, Math.min(quietMs, firstPokeMs + maxMs - nowMs)));
    },
    cancel() {
      cancelled = true;
      clearTimeout(timer);
    },
  };
}

/**
 * How much goes on at once. It steps down when the registry chokes, and carefully up again.
 *
 * - At most `limit()` pieces of work are under way, and they begin in the order in which they came.
 * - What chokes halves the limit, down to one; of those that began before a step down, none causes another.
 * - So many pieces without choking raise it by one, up to where it began.
 */
export interface Lanes {
  run<T>(work: (lane: Lane) => Promise<T>): Promise<T>;
  limit(): number;
}

export interface Lane {
  /** The registry said, or showed, that this is too much for it. */
  choked(): void;
}

/** Clean pieces of work until one more is tried. */
const CLEAN = 20;

export function createLanes(most: number, onStep: (limit: number) => void = () => {}): Lanes {
  const waiting: (() => void)[] = [];
  let limit = most;
  let active = 0;
  let clean = 0;
  let step = 0;
  const set = (next: number): void => {
    clean = 0;
    if (next === limit) return;
    limit = next;
    onStep(limit);
  };
  const begin = (): void => {
    while (active < limit) {
      const next = waiting.shift();
      if (next === undefined) return;
      active++;
      next();
    }
  };
  return {
    limit: () => limit,
    async run(work) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        begin();
      });
      let startedAt = step;
      let hasChoked = false;
      try {
        return await work({
          choked() {
            hasChoked = true;
            if (startedAt !== step) {
              startedAt = step;
              return;
            }
            startedAt = ++step;
            set(Math.max(1, Math.floor(limit / 2)));
          },
        });
      } finally {
        active--;
        if (!hasChoked && ++clean >= CLEAN) set(Math.min(most, limit + 1));
        begin();
      }
    },
  };
}

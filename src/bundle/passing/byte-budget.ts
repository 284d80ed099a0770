/** How much may be held in memory at once; who comes first is served first. */
export interface ByteBudget {
  /** Waits until so much is free. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
}

/** What is larger than all of it gets it alone. */
export function createByteBudget(total: number): ByteBudget {
  const waiting: { readonly bytes: number; readonly begin: () => void }[] = [];
  let taken = 0;
  const serve = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (taken > 0 && taken + next.bytes > total) return;
      waiting.shift();
      taken += next.bytes;
      next.begin();
    }
  };
  return {
    take(bytes) {
      return new Promise((begin) => {
        waiting.push({ bytes, begin });
        serve();
      });
    },
    give(bytes) {
      taken -= bytes;
      serve();
    },
  };
}

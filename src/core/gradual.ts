/** Work that may be laid down wherever it yields, and taken up again: long loops over registries are written so. */
export type Gradual<T> = Generator<undefined, T, undefined>;

/** Does it in one go, where nobody waits meanwhile. */
export function atOnce<T>(work: Gradual<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** `map` that may be laid down before each item. */
export function* mapGradually<T, U>(items: readonly T[], map: (item: T) => U): Gradual<readonly U[]> {
  const mapped: U[] = [];
  for (const item of items) {
    yield;
    mapped.push(map(item));
  }
  return mapped;
}

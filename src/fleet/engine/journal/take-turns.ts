/** Has `turn` do one piece of work at a time, in the order they came. */
export function createTurns(
  turn: <T>(work: () => Promise<T>) => Promise<T>,
): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(() => turn(work));
    last = mine.catch(() => undefined);
    return mine;
  };
}

export type SerialQueue = <T>(job: () => Promise<T>) => Promise<T>;

/** Runs jobs one after the other, in the order they came. A job that fails does not keep the next one from its turn. */
export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const result = last.then(job, job);
    last = result.catch(() => undefined);
    return result;
  };
}

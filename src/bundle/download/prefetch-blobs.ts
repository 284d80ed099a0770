/** What is to be fetched, in the order in which it is wanted. */
export interface Wanted {
  /** Bytes. */
  readonly size: number;
}

export interface PrefetchOptions<T extends Wanted> {
  /** Gets the bytes of one to `take`, which resolves when there is room for more. `startAnew` drops what it has taken. */
  readonly fetch: (
    one: T,
    take: (chunk: Uint8Array) => Promise<void>,
    startAnew: (() => void) | undefined,
  ) => Promise<void>;
  /** All that is in memory at a time. */
  readonly budgetBytes: number;
}

/** Of the budget, for one of them: what is no larger is held until all of it has come. */
const SHARE = 1 / 4;
const MOST_AHEAD = 64;

/**
 * Fetches ahead of whoever takes the content, one after the other, in order.
 *
 * - Never more than the budget is in memory; who is too far ahead waits.
 * - What fits in its share is handed out only when it is all there and right: until then it can begin anew.
 */
export function prefetchBlobs<T extends Wanted>(
  wanted: readonly T[],
  { fetch, budgetBytes }: PrefetchOptions<T>,
): (at: number) => AsyncGenerator<Uint8Array, void, undefined> {
  const share = budgetBytes * SHARE;
  const started = new Map<number, Fetching>();
  let next = 0;
  let reserved = 0;
  const cost = ({ size }: T): number => Math.min(size, share);
  const startMore = (current: number): void => {
    for (; next < wanted.length && next - current < MOST_AHEAD; next++) {
      const one = wanted[next];
      if (one === undefined || (next !== current && reserved + cost(one) > budgetBytes)) return;
      reserved += cost(one);
      started.set(next, startFetching(one, share, fetch));
    }
  };
  return async function* content(at) {
    const one = wanted[at];
    if (one === undefined) return;
    startMore(at);
    const fetching = started.get(at);
    if (fetching === undefined) throw new Error("blobs are taken in their order");
    yield* fetching.chunks();
    started.delete(at);
    reserved -= cost(one);
    startMore(at + 1);
  };
}

interface Fetching {
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
}

function startFetching<T extends Wanted>(
  one: T,
  limit: number,
  fetch: PrefetchOptions<T>["fetch"],
): Fetching {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let wakeWriter = (): void => {};
  let wakeReader = (): void => {};
  let end: { readonly error?: unknown } | undefined;
  const isHeld = one.size <= limit;
  const take = async (chunk: Uint8Array): Promise<void> => {
    chunks.push(chunk);
    bytes += chunk.length;
    wakeReader();
    while (!isHeld && bytes >= limit)
      await new Promise<void>((resolve) => {
        wakeWriter = resolve;
      });
  };
  const startAnew = (): void => {
    chunks = [];
    bytes = 0;
  };
  const finish = (how: { readonly error?: unknown }): void => {
    end = how;
    wakeReader();
  };
  fetch(one, take, isHeld ? startAnew : undefined).then(
    () => finish({}),
    (error: unknown) => finish({ error }),
  );
  return {
    async *chunks() {
      for (;;) {
        const mayTake = end !== undefined || !isHeld;
        const ready = mayTake && end?.error === undefined ? chunks : [];
        if (ready.length > 0) {
          chunks = [];
          bytes = 0;
          wakeWriter();
          yield* ready;
          continue;
        }
        if (end !== undefined) {
          if ("error" in end) throw end.error;
          return;
        }
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    },
  };
}

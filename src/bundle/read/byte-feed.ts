/** Bytes that come one after the other, each once. Nothing is read before it is asked for. */
export interface ByteFeed {
  /** How many have been taken. */
  position(): number;
  /** The next `length` bytes, fewer where the feed ends. */
  read(length: number): Promise<Uint8Array>;
  /** The same bytes, without taking them. */
  peek(length: number): Promise<Uint8Array>;
  /** The next `length` bytes in pieces as they come; has to be drained before anything else is asked for. */
  content(length: number): AsyncGenerator<Uint8Array, void, undefined>;
  /** Drops bytes up to a position. */
  skipTo(position: number): Promise<void>;
}

/** The source is never told to stop: who made it has to end it. */
export function createByteFeed(source: AsyncIterator<Uint8Array>): ByteFeed {
  let chunk: Uint8Array = new Uint8Array();
  let taken = 0;
  const fill = async (): Promise<boolean> => {
    while (chunk.length === 0) {
      const next = await source.next();
      if (next.done === true) return false;
      chunk = next.value;
    }
    return true;
  };
  const take = (length: number): Uint8Array => {
    const piece = chunk.subarray(0, length);
    chunk = chunk.subarray(piece.length);
    taken += piece.length;
    return piece;
  };
  const peek = async (length: number): Promise<Uint8Array> => {
    if (!(await fill())) return new Uint8Array();
    if (chunk.length < length) {
      const parts: Uint8Array[] = [];
      let have = 0;
      while (have < length && (await fill())) {
        parts.push(chunk);
        have += chunk.length;
        chunk = new Uint8Array();
      }
      chunk = Buffer.concat(parts);
    }
    return chunk.subarray(0, length);
  };
  async function* content(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0 && (await fill()); ) {
      const piece = take(left);
      left -= piece.length;
      yield piece;
    }
  }
  return {
    position: () => taken,
    peek,
    async read(length) {
      const bytes = await peek(length);
      take(bytes.length);
      return bytes;
    },
    content,
    async skipTo(position) {
      for await (const _ of content(position - taken)); // eslint-like: the pieces are of no interest
    },
  };
}

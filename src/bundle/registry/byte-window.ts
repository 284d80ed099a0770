import type { ByteRange } from "../blob-source.ts";

/** Pieces of what comes by once, each as often as it is asked for until a later one is. Throws for what has gone by. */
export function createByteWindow(
  source: AsyncIterable<Uint8Array>,
): (range: ByteRange) => AsyncIterable<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let start = 0;
  let held: Uint8Array = new Uint8Array();
  return async function* open(range) {
    if (range.start < start) throw new Error("the registry wants what has gone by");
    held = held.subarray(range.start - start);
    start = range.start;
    const length = range.end - range.start;
    if (held.length < length) {
      const parts = [held];
      for (let have = held.length; have < length; ) {
        const next = await iterator.next();
        if (next.done === true) break;
        parts.push(next.value);
        have += next.value.length;
      }
      held = Buffer.concat(parts);
    }
    yield held.subarray(0, length);
  };
}

/** Numbers from 0 to 1 that depend on the seed alone: mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One of `seeds` with a few changes, as a broken or hostile sender of protobuf might make them. */
export function mutateBytes(seeds: readonly Uint8Array[], random: () => number): Uint8Array {
  const below = (end: number): number => Math.floor(random() * end);
  const pick = (): Uint8Array => seeds[below(seeds.length)] ?? new Uint8Array();
  let bytes = Uint8Array.from(pick());
  for (let left = 1 + below(4); left > 0; left--) {
    const mutation = mutations[below(mutations.length)];
    bytes = mutation === undefined ? bytes : mutation(bytes, below, pick);
  }
  return bytes;
}

type Mutation = (
  bytes: Uint8Array<ArrayBuffer>,
  below: (end: number) => number,
  other: () => Uint8Array,
) => Uint8Array<ArrayBuffer>;

/** Lengths and tags that parsers stumble over. */
const nasty = [0x00, 0x01, 0x07, 0x0a, 0x12, 0x5a, 0x7f, 0x80, 0xff];

const mutations: readonly Mutation[] = [
  function flipBit(bytes, below) {
    const at = below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    return bytes;
  },
  function setByte(bytes, below) {
    bytes[below(bytes.length)] = nasty[below(nasty.length)] ?? 0;
    return bytes;
  },
  function truncate(bytes, below) {
    return bytes.slice(0, below(bytes.length + 1));
  },
  function remove(bytes, below) {
    const at = below(bytes.length);
    return join(bytes.subarray(0, at), bytes.subarray(at + 1 + below(16)));
  },
  function insertRandom(bytes, below) {
    const at = below(bytes.length);
    const inserted = Uint8Array.from({ length: 1 + below(12) }, () => below(256));
    return join(bytes.subarray(0, at), inserted, bytes.subarray(at));
  },
  function insertHugeNumber(bytes, below) {
    const at = below(bytes.length);
    const huge = Uint8Array.from([...Array.from({ length: 4 + below(7) }, () => 0xff), 0x01]);
    return join(bytes.subarray(0, at), huge, bytes.subarray(at));
  },
  function repeat(bytes, below) {
    const [at, length] = [below(bytes.length), 1 + below(200)];
    const part = bytes.subarray(at, at + length);
    return join(
      bytes.subarray(0, at),
      ...Array.from({ length: 1 + below(20) }, () => part),
      bytes.subarray(at),
    );
  },
  function splice(bytes, below, other) {
    const more = other();
    return join(bytes.subarray(0, below(bytes.length)), more.subarray(below(more.length)));
  },
  function append(bytes, _below, other) {
    return join(bytes, other());
  },
];

/** At most 256 KiB, so that repeats of repeats stay quick. */
function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    Math.min(
      262_144,
      parts.reduce((sum, part) => sum + part.length, 0),
    ),
  );
  let at = 0;
  for (const part of parts) {
    const fits = part.subarray(0, whole.length - at);
    whole.set(fits, at);
    at += fits.length;
  }
  return whole;
}

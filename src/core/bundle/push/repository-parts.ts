import type { Digest } from "../bundle.ts";
import type { PlannedImage } from "./plan-push.ts";

/** A part that a repository is to have. */
export interface Pair {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  /** The furthest it has come. */
  high: number;
}

/** Parts by repository; what is asked of all of them is kept up to date, as there may be tens of thousands. */
export interface Pairs {
  find(key: string): Pair | undefined;
  /** It has come so far, or further. */
  raise(pair: Pair, to: number): void;
  sums(): { readonly total: number; readonly done: number };
  /** Another repository has all of it. */
  hasOther(repository: string, digest: Digest): boolean;
  /** What still has to go over the wire: where mounts work, each blob once. */
  left(refusesMounts: boolean): number;
}

export function listPairs(images: readonly PlannedImage[]): Pairs {
  const pairs = new Map<string, Pair>();
  /** What is left of a blob where it has come furthest, and who has all of it. */
  const blobs = new Map<Digest, { left: number; readonly whole: Set<string> }>();
  const sums = { total: 0, done: 0, leftOnce: 0 };
  for (const { repository, tree, referrers } of images)
    for (const { blobs: parts } of [tree, ...referrers])
      for (const { digest, size } of parts) {
        const key = `${repository}@${digest}`;
        if (pairs.has(key)) continue;
        pairs.set(key, { repository, digest, size, high: 0 });
        sums.total += size;
        if (blobs.has(digest)) continue;
        sums.leftOnce += size;
        blobs.set(digest, { left: size, whole: new Set() });
      }
  return {
    find: (key) => pairs.get(key),
    raise(pair, to) {
      const blob = blobs.get(pair.digest);
      if (blob === undefined || to < pair.high) return;
      sums.done += to - pair.high;
      pair.high = to;
      const left = Math.min(blob.left, pair.size - to);
      sums.leftOnce -= blob.left - left;
      blob.left = left;
      if (to === pair.size) blob.whole.add(pair.repository);
    },
    sums: () => sums,
    hasOther(repository, digest) {
      const whole = blobs.get(digest)?.whole;
      return whole !== undefined && whole.size > (whole.has(repository) ? 1 : 0);
    },
    left: (refusesMounts) => (refusesMounts ? sums.total - sums.done : sums.leftOnce),
  };
}

import type { Digest } from "../../core/bundle/bundle.ts";
import type { SizedImage } from "../../core/bundle/dump/size-images.ts";
import type { DumpContext, ImageSource } from "./dump-context.ts";

/** A repository at a registry. */
export interface BlobPlace {
  readonly source: ImageSource;
  readonly repository: string;
}

/** By the `from` of an image. Rejects where nobody is there. */
export async function openPlace({ sourceFor }: DumpContext, from: string): Promise<BlobPlace> {
  const end = from.indexOf("/");
  const source = await sourceFor(from.slice(0, end));
  return { source, repository: source.repositoryOf(from.slice(end + 1)) };
}

/** Which images' repositories blobs are to be had from, as far as that has shown. */
export interface BlobPlaces {
  /** Those that may have it, in the order of the images. */
  of(digest: Digest): readonly string[];
  /** This one does not have it. */
  lose(digest: Digest, from: string, why: Error): void;
  /** What came from there was wrong, and right when it was asked for again: a cache may be wrong once. */
  suspect(digest: Digest, from: string, why: Error): void;
  /** Why it is nowhere; undefined: it may be somewhere. */
  lossOf(digest: Digest): Error | undefined;
}

/** `onElsewhere`: a blob is taken from another place now. */
export function createBlobPlaces(
  images: readonly Pick<SizedImage, "from" | "blobs">[],
  onElsewhere: (why: Error, from: string) => void,
): BlobPlaces {
  const places = new Map<Digest, Set<string>>();
  for (const { from, blobs } of images)
    for (const digest of blobs) places.set(digest, (places.get(digest) ?? new Set()).add(from));
  const losses = new Map<Digest, Error>();
  const suspected = new Set<string>();
  const lose: BlobPlaces["lose"] = (digest, from, why) => {
    const left = places.get(digest);
    if (left?.delete(from) !== true) return;
    if (!losses.has(digest)) losses.set(digest, why);
    const [next] = left;
    if (next !== undefined) onElsewhere(why, next);
  };
  return {
    of: (digest) => [...(places.get(digest) ?? [])],
    lose,
    suspect(digest, from, why) {
      const key = `${from}@${digest}`;
      if (suspected.has(key)) lose(digest, from, why);
      suspected.add(key);
    },
    lossOf: (digest) => (places.get(digest)?.size === 0 ? losses.get(digest) : undefined),
  };
}

import { Readable } from "node:stream";
import type { Digest } from "../../core/bundle/bundle.ts";
import type { BlobSource, ByteRange } from "../blob-source.ts";
import { joinBundles } from "../join-bundles.ts";
import { openBlobs } from "../read/open-blobs.ts";
import type { OpenedBundle } from "../read/open-bundle.ts";
import { describePushFailure } from "../registry/describe-failure.ts";
import type { OpenBundle } from "../upload/read-image-trees.ts";
import { BadBlobError } from "../upload/verified-bytes.ts";
import { PassedByError } from "./passed-by.ts";

/** What is left of a bundle that has gone by: documents, what is at rest in it, and names for the rest. */
export interface PassingSource extends BlobSource {
  /** The bytes cannot be had any more. */
  isGone(digest: Digest): boolean;
  /** They were wanted, and could not be had. */
  readonly missed: ReadonlySet<Digest>;
}

/** What is known of blobs that have gone by. */
export interface GoneBlobs {
  /** Why one did not get to the registry. */
  failureOf(digest: Digest): unknown;
  /** Its bytes, from where they have been brought; undefined: they are nowhere, or are to be had from the bundle again. */
  fetch?(digest: Digest, size: number, range: ByteRange | undefined): Readable | undefined;
}

function openPassing({ bundle, kept }: OpenedBundle, gone: GoneBlobs): PassingSource {
  const resting = openBlobs(bundle);
  const documentOf = (digest: Digest): Uint8Array | undefined => {
    const member = bundle.blobs.get(digest)?.member;
    return member === undefined ? undefined : kept.get(member)?.document;
  };
  const isGone = (digest: Digest): boolean => {
    const held = bundle.blobs.get(digest);
    if (held === undefined || held.bytes !== undefined) return false;
    return held.member?.at === undefined && documentOf(digest) === undefined;
  };
  const missed = new Set<Digest>();
  return {
    isGone,
    missed,
    describe: resting.describe,
    open(digest, range) {
      const document = documentOf(digest);
      if (document !== undefined) return Readable.from([document.subarray(range?.start ?? 0, range?.end)]);
      if (!isGone(digest)) return resting.open(digest, range);
      const fetched = gone.fetch?.(digest, bundle.blobs.get(digest)?.size ?? 0, range);
      if (fetched !== undefined) return fetched;
      const failure = gone.failureOf(digest);
      if (failure instanceof BadBlobError) throw failure;
      missed.add(digest);
      const why = failure === undefined ? "" : `: ${describePushFailure(failure)}`;
      throw new PassedByError(`${resting.describe(digest)} has gone by, and is not at the registry${why}`);
    },
  };
}

/** Several as one; what an earlier bundle has is not looked for in a later one. */
export function joinPassing(
  opened: readonly OpenedBundle[],
  gone: GoneBlobs,
): OpenBundle & { readonly source: PassingSource } {
  const parts = opened.map((one) => ({ bundle: one.bundle, source: openPassing(one, gone) }));
  const { bundle, source } = joinBundles(parts);
  const isGone = (digest: Digest): boolean =>
    parts.find((part) => part.bundle.blobs.has(digest))?.source.isGone(digest) ?? false;
  return {
    bundle,
    source: {
      ...source,
      isGone,
      get missed() {
        return new Set(parts.flatMap((part) => [...part.source.missed]));
      },
    },
  };
}

import { Readable } from "node:stream";
import type { Digest } from "../../core/bundle/bundle.ts";
import type { BlobSource } from "../blob-source.ts";
import { joinBundles } from "../join-bundles.ts";
import { openBlobs } from "../read/open-blobs.ts";
import type { OpenedBundle } from "../read/open-bundle.ts";
import { describePushFailure } from "../upload/describe-push-failure.ts";
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

/** `failureOf`: why a blob did not get to the registry while it went by. */
function openPassing({ bundle, kept }: OpenedBundle, failureOf: (digest: Digest) => unknown): PassingSource {
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
      const failure = failureOf(digest);
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
  failureOf: (digest: Digest) => unknown,
): OpenBundle & { readonly source: PassingSource } {
  const parts = opened.map((one) => ({ bundle: one.bundle, source: openPassing(one, failureOf) }));
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

import type { Bundle, BundleImage, Digest } from "../core/bundle/bundle.ts";
import type { BlobSource } from "./blob-source.ts";
import type { OpenBundle } from "./upload/read-image-trees.ts";

/** Several bundles as one: images in the order of the bundles, each blob from the first that has it. */
export function joinBundles(bundles: readonly OpenBundle[]): OpenBundle {
  const images: BundleImage[] = [];
  const blobs = new Map<Digest, { readonly size: number }>();
  const holders = new Map<Digest, BlobSource>();
  for (const { bundle, source } of bundles) {
    images.push(...bundle.images);
    for (const [digest, held] of bundle.blobs) {
      if (blobs.has(digest)) continue;
      blobs.set(digest, held);
      holders.set(digest, source);
    }
  }
  const holderOf = (digest: Digest): BlobSource => {
    const holder = holders.get(digest);
    if (holder === undefined) throw new Error(`no bundle has ${digest}`);
    return holder;
  };
  return {
    bundle: { images, blobs, ...joinLeftOut(bundles) },
    source: {
      open: (digest, range) => holderOf(digest).open(digest, range),
      describe: (digest) => holderOf(digest).describe(digest),
    },
  };
}

/** What the one leaves out the other may have: that is looked for first. */
function joinLeftOut(bundles: readonly OpenBundle[]): Pick<Bundle, "leftOut"> {
  const all = bundles.flatMap(({ bundle: { leftOut } }) => (leftOut === undefined ? [] : [leftOut]));
  if (all.length === 0) return {};
  return {
    leftOut: {
      platforms: all.flatMap(({ platforms }) => platforms),
      since: all.map(({ since }) => since).find((since) => since !== undefined),
      manifests: all.flatMap(({ manifests }) => manifests),
      blobs: all.flatMap(({ blobs }) => blobs),
    },
  };
}

import type { BundleImage, Digest } from "../core/bundle/bundle.ts";
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
    bundle: { images, blobs },
    source: {
      open: (digest, range) => holderOf(digest).open(digest, range),
      describe: (digest) => holderOf(digest).describe(digest),
    },
  };
}

import type { Bundle, BundleImage, Descriptor, Digest } from "../../core/bundle/bundle.ts";
import { buildImageTree, type ImageTree, type TreeManifest } from "../../core/bundle/push/image-tree.ts";
import { readManifestParts } from "../../core/bundle/push/manifest-parts.ts";
import type { BlobSource } from "../blob-source.ts";
import { BadBlobError, readVerified } from "./verified-bytes.ts";

/** What registries take at most: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 8;
const MAX_MANIFESTS = 100_000;

export interface OpenBundle {
  readonly bundle: Bundle;
  readonly source: BlobSource;
}

/** Reads the manifests of all images, each once. Throws BadBlobError. */
export async function readImageTrees({ bundle, source }: OpenBundle): Promise<readonly ImageTree[]> {
  const known = new Map<Digest, TreeManifest>();
  const read = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const { digest } = descriptor;
    const held = bundle.blobs.get(digest);
    if (known.has(digest) || held === undefined) return;
    if (depth > MAX_DEPTH || known.size >= MAX_MANIFESTS)
      throw new BadBlobError(
        `${source.describe(digest)}: indexes within indexes, deeper or more than any image has`,
      );
    const bytes = await readVerified(source, digest, held.size, MAX_MANIFEST_BYTES);
    const result = readManifestParts(bytes, descriptor.mediaType);
    if (!result.ok) throw new BadBlobError(`${source.describe(digest)} is no manifest: ${result.reason}`);
    known.set(digest, { digest, size: held.size, parts: result.parts });
    for (const child of result.parts.manifests) await read(child, depth + 1);
  };
  for (const { top } of bundle.images) await read(top, 0);
  const parts = {
    partsOf: (digest: Digest) => known.get(digest),
    has: (digest: Digest) => bundle.blobs.has(digest),
    leftOut: bundle.leftOut,
  };
  return bundle.images.map((image: BundleImage) => buildImageTree(image, parts));
}

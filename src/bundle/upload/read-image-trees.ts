import type { Bundle, Descriptor, Digest } from "../../core/bundle/bundle.ts";
import {
  buildImageTree,
  type ImageTree,
  type TreeManifest,
  type TreeParts,
} from "../../core/bundle/push/image-tree.ts";
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

/** Reads the manifests of all images, each once. What is wrong with one is a problem of the images that need it. */
export async function readImageTrees({ bundle, source }: OpenBundle): Promise<readonly ImageTree[]> {
  const known = new Map<Digest, TreeManifest>();
  const bad = new Map<Digest, string>();
  const readOne = async ({ digest, mediaType }: Descriptor, depth: number, size: number) => {
    if (depth > MAX_DEPTH || known.size >= MAX_MANIFESTS)
      throw new BadBlobError(
        `${source.describe(digest)}: indexes within indexes, deeper or more than any image has`,
      );
    const bytes = await readVerified(source, digest, size, MAX_MANIFEST_BYTES);
    const result = readManifestParts(bytes, mediaType);
    if (!result.ok) throw new BadBlobError(`${source.describe(digest)} is no manifest: ${result.reason}`);
    return result.parts;
  };
  const read = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const { digest } = descriptor;
    const size = bundle.blobs.get(digest)?.size;
    if (known.has(digest) || bad.has(digest) || size === undefined) return;
    try {
      const parts = await readOne(descriptor, depth, size);
      known.set(digest, { digest, size, parts });
      for (const child of parts.manifests) await read(child, depth + 1);
    } catch (error) {
      if (!(error instanceof BadBlobError)) throw error;
      bad.set(digest, error.message);
    }
  };
  for (const { top } of bundle.images) await read(top, 0);
  const parts: TreeParts = {
    partsOf: (digest) => known.get(digest),
    has: (digest) => bundle.blobs.has(digest),
    problemOf({ digest, size }) {
      const held = bundle.blobs.get(digest)?.size;
      if (held === undefined || held === size) return bad.get(digest);
      return `${source.describe(digest)} has ${held} bytes instead of the ${size} that its descriptor says`;
    },
    leftOut: bundle.leftOut,
  };
  return bundle.images.map((image) => buildImageTree(image, parts));
}

import type { BundleImage, Descriptor, Digest } from "../bundle.ts";
import { BUNDLE_LIMITS } from "../bundle-limits.ts";
import { annotatedName, annotatedRef, fullName } from "../name-image.ts";
import { field, readJson } from "../read-json.ts";
import { buildImageTree, type ImageTree, type TreeManifest } from "./image-tree.ts";
import { readDescriptor, readManifestParts } from "./manifest-parts.ts";
import { promisedBlob } from "./passing-blob.ts";

/** The images of a bundle that goes by, as far as its lists and manifests have come. */
export interface EarlyImages {
  /** A document has gone by. What is wrong with one is told by whoever puts the bundle together. */
  learn(path: string, bytes: Uint8Array): void;
  /** A list names it as a manifest, and it has not come yet. */
  isAwaited(digest: Digest): boolean;
  /** Undefined: nothing new has come since it was last asked for. */
  trees(): readonly ImageTree[] | undefined;
}

/** Bundles whose lists stand before what they list: those of `dump`, regctl's. */
export function createEarlyImages(digestOf: (bytes: Uint8Array, algorithm: string) => Digest): EarlyImages {
  const images: BundleImage[] = [];
  const manifests = new Map<Digest, TreeManifest>();
  const awaited = new Map<Digest, { readonly mediaType: string; readonly depth: number }>();
  let hasNews = false;

  const expect = ({ digest, mediaType }: Descriptor, depth: number): void => {
    if (manifests.has(digest) || awaited.has(digest) || depth > BUNDLE_LIMITS.indexDepth) return;
    awaited.set(digest, { mediaType, depth });
  };
  const learnList = (bytes: Uint8Array): void => {
    const listed = field(readJson(bytes), "manifests");
    for (const one of Array.isArray(listed) ? listed : []) {
      const top = readDescriptor(one);
      if (top === null) continue;
      const name = annotatedName(top.annotations);
      const ref = name === undefined ? annotatedRef(top.annotations) : undefined;
      images.push({
        name: name === undefined ? undefined : fullName(name),
        ...(ref === undefined ? {} : { ref }),
        top,
      });
      expect(top, 0);
    }
  };
  const learnManifest = (digest: Digest, bytes: Uint8Array): void => {
    const known = awaited.get(digest);
    if (known === undefined || digestOf(bytes, digest.slice(0, digest.indexOf(":"))) !== digest) return;
    awaited.delete(digest);
    const read = readManifestParts(bytes, known.mediaType);
    if (!read.ok) return;
    manifests.set(digest, { digest, size: bytes.length, parts: read.parts });
    for (const child of read.parts.manifests) expect(child, known.depth + 1);
    hasNews = true;
  };
  return {
    learn(path, bytes) {
      if (/(?:^|\/)index\.json$/.test(path)) return learnList(bytes);
      const digest = promisedBlob(path, bytes)?.digest;
      if (digest !== undefined) learnManifest(digest, bytes);
    },
    isAwaited: (digest) => awaited.has(digest),
    trees() {
      if (!hasNews) return undefined;
      hasNews = false;
      const parts = { partsOf: (digest: Digest) => manifests.get(digest), has: () => true };
      return images.map((image) => buildImageTree(image, parts));
    },
  };
}

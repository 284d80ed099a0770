import type { AssembledBundle } from "./assemble-bundle.ts";
import type { BundleImage, Digest } from "./bundle.ts";
import { checkImage, platformName } from "./check-image.ts";

/** An image in figures. */
export interface ImageFacts {
  /** `linux/amd64`, those that are all there, in the order of the index. Empty: it is for none, as a signature is. */
  readonly platforms: readonly string[];
  /** Bytes of all distinct content that the bundle has of it. */
  readonly size: number;
}

export function describeImage(image: BundleImage, bundle: AssembledBundle): ImageFacts {
  const { digests } = checkImage(image, { ...bundle, holdings: bundle.blobs });
  const sizes = [...digests].map((digest) => bundle.blobs.get(digest)?.size ?? 0);
  const children = bundle.manifests.get(image.top.digest)?.manifests ?? [];
  const all = children.length === 0 ? [image.top] : children.filter(({ digest }) => digests.has(digest));
  const platforms = all.map(({ platform }) => platformName(platform)).filter((name) => name !== undefined);
  return { platforms: [...new Set(platforms)], size: sum(sizes) };
}

/** Layers, configs and what else it holds by digest, each once; manifests are none, as for a registry. */
export function countBlobs({ blobs, manifests }: Pick<AssembledBundle, "blobs" | "manifests">): number {
  return [...blobs.keys()].filter((digest) => !manifests.has(digest)).length;
}

/** Bytes of all that a bundle holds, each thing once. */
export function bundleSize({
  blobs,
}: {
  readonly blobs: ReadonlyMap<Digest, { readonly size: number }>;
}): number {
  return sum([...blobs.values()].map(({ size }) => size));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

import type { Descriptor, Digest } from "./bundle.ts";

/**
 * Whether a list goes without one of its manifests. Programs that save one platform of many leave out the others'
 * manifests, or all that is below these, the configs too. `blobs`: of the manifest, the config first.
 */
export function isThinnedOut(
  isThere: boolean,
  blobs: readonly Descriptor[] | undefined,
  has: (digest: Digest) => boolean,
): boolean {
  const config = blobs?.[0];
  return !isThere || (config !== undefined && !has(config.digest));
}

import type { AssembledBundle } from "../assemble-bundle.ts";
import type { Digest } from "../bundle.ts";
import { manifestsBelow } from "../manifests-below.ts";

/**
 * What a site has that a bundle was pushed to: its blobs, and those that it left out because the site had them before,
 * each with an image that it belongs to.
 */
export function listHoldings(bundle: AssembledBundle): ReadonlyMap<Digest, string | undefined> {
  const found = new Map<Digest, string | undefined>();
  for (const { name, top } of bundle.images)
    for (const manifest of manifestsBelow(bundle.manifests, top.digest).values())
      for (const { digest } of manifest?.blobs ?? [])
        if (bundle.blobs.has(digest) && found.get(digest) === undefined) found.set(digest, name);
  for (const { digest, image } of bundle.leftOut?.blobs ?? [])
    if (!found.has(digest)) found.set(digest, image);
  return found;
}

import type { Digest } from "./bundle.ts";
import type { ManifestParts } from "./push/manifest-parts.ts";

/** A manifest and all below it, each once; nobody has seen yet that digests are true, so that they may go in circles. */
export function manifestsBelow(
  manifests: ReadonlyMap<Digest, ManifestParts>,
  top: Digest,
): ReadonlyMap<Digest, ManifestParts | undefined> {
  const found = new Map<Digest, ManifestParts | undefined>();
  for (const pending = [top]; pending.length > 0; ) {
    const next = pending.pop();
    if (next === undefined || found.has(next)) continue;
    const manifest = manifests.get(next);
    found.set(next, manifest);
    pending.push(...(manifest?.manifests ?? []).map(({ digest }) => digest));
  }
  return found;
}

import type { Digest } from "./bundle.ts";
import type { Manifest } from "./read-manifest.ts";

/** A manifest and all below it, each once; nobody has seen yet that digests are true, so that they may go in circles. */
export function manifestsBelow(
  manifests: ReadonlyMap<Digest, Manifest>,
  top: Digest,
): ReadonlyMap<Digest, Manifest | undefined> {
  const found = new Map<Digest, Manifest | undefined>();
  for (const pending = [top]; pending.length > 0; ) {
    const next = pending.pop();
    if (next === undefined || found.has(next)) continue;
    const manifest = manifests.get(next);
    found.set(next, manifest);
    pending.push(...(manifest?.children ?? []).map(({ digest }) => digest));
  }
  return found;
}

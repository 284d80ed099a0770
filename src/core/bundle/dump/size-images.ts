import type { Descriptor, Digest } from "../bundle.ts";
import { isForeign } from "../push/manifest-parts.ts";
import type { DumpImage, DumpInput, DumpPlan, FetchedManifest } from "./plan-dump.ts";

/** What an image comes to in a dump. */
export interface SizedImage {
  readonly name: string;
  readonly from: string;
  readonly digest: Digest;
  /** Of its layers and configs, and of those of what says something about it. */
  readonly bytes: number;
  /** What of that no image before it brings along, and no older bundle has. */
  readonly newBytes: number;
  readonly blobs: ReadonlySet<Digest>;
}

/** In their order. */
export function sizeImages(
  { images, manifests }: Pick<DumpInput, "images" | "manifests">,
  plan: DumpPlan,
): readonly SizedImage[] {
  const waiting = new Set(plan.blobs.map(({ digest }) => digest));
  return images.map((image) => {
    const blobs = [...imageBlobs(image, manifests).values()];
    const fresh = blobs.filter(({ digest }) => waiting.delete(digest));
    return {
      name: image.name,
      from: image.from,
      digest: image.top.digest,
      bytes: sum(blobs),
      newBytes: sum(fresh),
      blobs: new Set(blobs.map(({ digest }) => digest)),
    };
  });
}

/** Those that it and its referrers name, as far as their manifests were fetched; each once. */
function imageBlobs(
  { top, referrers }: DumpImage,
  manifests: ReadonlyMap<Digest, FetchedManifest>,
): ReadonlyMap<Digest, Descriptor> {
  const seen = new Set<Digest>();
  const blobs = new Map<Digest, Descriptor>();
  for (const pending = [top, ...referrers]; pending.length > 0; ) {
    const digest = pending.pop()?.digest;
    if (digest === undefined || seen.has(digest)) continue;
    seen.add(digest);
    const parts = manifests.get(digest)?.parts;
    for (const blob of parts?.blobs ?? [])
      if (!isForeign(blob) && !manifests.has(blob.digest)) blobs.set(blob.digest, blob);
    pending.push(...(parts?.manifests ?? []));
  }
  return blobs;
}

function sum(blobs: readonly Descriptor[]): number {
  return blobs.reduce((total, { size }) => total + size, 0);
}

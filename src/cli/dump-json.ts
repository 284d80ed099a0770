import type { PlannedDump } from "../core/bundle/dump/plan-images.ts";

/** What a bundle holds, or would hold. */
export function dumpJson({ plan, images, referrers }: PlannedDump): object {
  const { since, platforms, manifests, blobs } = plan.leftOut;
  return {
    images: images.map(({ name, digest, bytes, newBytes }) => ({ name, digest, bytes, newBytes })),
    referrers,
    blobs: plan.blobs.length,
    size: plan.size,
    since,
    platforms,
    leftOut: { manifests, blobs },
    foreign: plan.foreign.map(({ digest, size, urls }) => ({ digest, size, urls })),
  };
}

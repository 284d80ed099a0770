import type { WatchedRegistry } from "./evidence-report.ts";
import type { Answered } from "./grade-pull.ts";
import { isByDesign } from "./list-fallbacks.ts";
import type { PullPath, WitnessHit } from "./pull.ts";

/** Where a pull that succeeded came from, by what reached the witness meanwhile. */
export interface WitnessView {
  readonly path: PullPath;
  readonly answered: Answered;
  readonly reason?: string;
}

/**
 * containerd asks for the manifest by HEAD, then GETs it, then each blob, and of all hosts in order each time. What
 * no mirror served is a hit. Nothing: mirrors served all of it. Manifest and blobs: the upstream did, as far as can
 * be told; that some blobs may have come from mirrors nobody saw. One of the two: mixed. The HEAD alone: nothing was
 * fetched beyond the mirrors, and as good as always nothing was fetched at all.
 */
export function judgeByWitness(
  hits: readonly WitnessHit[],
  watched: WatchedRegistry | undefined,
): WitnessView {
  const counted = hits.filter((hit) => !isByDesign(hit, watched));
  if (counted.length === 0) return { path: "mirror", answered: "mirror" };
  const fetched = counted.filter(({ method }) => method !== "HEAD");
  const manifests = fetched.filter(({ kind }) => kind === "manifest").length;
  const blobs = fetched.length - manifests;
  const reason = `no mirror served ${describe(manifests, blobs)}`;
  if (fetched.length === 0) return { path: "none", answered: "beyond", reason };
  return { path: manifests > 0 && blobs > 0 ? "upstream" : "mixed", answered: "beyond", reason };
}

function describe(manifests: number, blobs: number): string {
  const parts = [
    ...(manifests > 0 ? ["its manifest"] : []),
    ...(blobs > 0 ? [blobs === 1 ? "one of its blobs" : `${blobs} of its blobs`] : []),
  ];
  return parts.length === 0 ? "its tag" : parts.join(" and ");
}

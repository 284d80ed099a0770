import type { Digest } from "../../core/bundle/bundle.ts";
import type { LeftOver } from "../../core/bundle/push/left-over.ts";
import { clearStaging } from "../registry/clear-staging.ts";
import type { BlobHomes } from "./blob-homes.ts";
import type { PassContext } from "./hold-blob.ts";

/** A repository that blobs pass through. */
export interface Staging {
  readonly repository: string;
  /** This push has used it; else one before it may have. */
  readonly isUsed: boolean;
}

/**
 * Empties staging repositories. Where not all images are there, what no other repository has is left for the next push.
 * Returns one that stays, or its name; undefined: there never was one.
 */
export async function cleanStaging(
  stagings: readonly Staging[],
  { link, journal }: PassContext,
  homes: BlobHomes,
  isWhole: boolean,
): Promise<LeftOver | undefined> {
  const all = homes.list();
  const left: LeftOver[] = [];
  for (const { repository, isUsed } of stagings) {
    const own = all.flatMap((home) => (home.repository === repository ? [home.digest] : []));
    const staged = [...new Set([...journal.blobsIn(repository), ...own])];
    if (staged.length === 0 && !isUsed) continue;
    // A push that goes on later mounts what it finds.
    const isSpare = (digest: Digest): boolean =>
      isWhole || all.some((home) => home.digest === digest && home.repository !== repository);
    const spare = staged.filter(isSpare);
    const why = await clearStaging(link, repository, spare);
    if (why === undefined && spare.length === staged.length) journal.noteEmptied(repository);
    left.push({ repository, why: why ?? (spare.length === staged.length ? "emptied" : "kept") });
  }
  return left.find(({ why }) => why !== "emptied") ?? left[0];
}

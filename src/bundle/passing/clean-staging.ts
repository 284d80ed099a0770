import type { Digest } from "../../core/bundle/bundle.ts";
import type { LeftOver } from "../../core/bundle/push/left-over.ts";
import { clearStaging } from "../registry/clear-staging.ts";
import type { BlobHomes } from "./blob-homes.ts";
import type { PassContext } from "./hold-blob.ts";

/** A repository that blobs pass through. */
export interface Staging {
  readonly repository: string;
  /** This push has put the bytes there with which mounts are tried. */
  readonly isProbed: boolean;
  /** This push has sent them there, besides those that the journal knows of. */
  readonly sent: readonly Digest[];
}

/**
 * Empties staging repositories. Where not all images are there, what no other repository has is left for the next push,
 * and after an interrupt all of it. Returns one that stays, or its name; undefined: nothing was put into any.
 */
export async function cleanStaging(
  stagings: readonly Staging[],
  { link, journal, signal }: PassContext,
  homes: BlobHomes,
  isWhole: boolean,
): Promise<LeftOver | undefined> {
  const all = homes.list();
  const left: LeftOver[] = [];
  for (const { repository, isProbed, sent } of stagings) {
    const own = all.flatMap((home) => (home.repository === repository ? [home.digest] : []));
    const staged = [...new Set([...journal.blobsIn(repository), ...own, ...sent])];
    if (staged.length === 0 && !isProbed) continue;
    const holds = staged.length > 0 ? "layers" : "probe";
    if (signal.aborted) {
      left.push({ repository, holds, why: "kept" });
      continue;
    }
    // A push that goes on later mounts what it finds.
    const isSpare = (digest: Digest): boolean =>
      isWhole || all.some((home) => home.digest === digest && home.repository !== repository);
    const spare = staged.filter(isSpare);
    const failed = await clearStaging(link, repository, spare);
    if (spare.length < staged.length) left.push({ repository, holds, why: "kept" });
    else {
      if (failed === undefined) journal.noteEmptied(repository);
      left.push({ repository, holds, why: failed ?? "emptied" });
    }
  }
  return left.find(({ why }) => why !== "emptied") ?? left[0];
}

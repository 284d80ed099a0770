import type { Digest } from "../../core/bundle/bundle.ts";
import type { RepositoryBlob } from "../upload/push-context.ts";
import type { BlobHomes } from "./blob-homes.ts";
import type { PassingSource } from "./open-passing.ts";
import type { WantedBlob } from "./take-blobs.ts";

/** Where a blob is not yet; `mayMount`: nowhere. */
export function isOpenIn(homes: BlobHomes, mayMount: boolean): (blob: RepositoryBlob) => boolean {
  return ({ repository, digest }) => (mayMount ? !homes.has(digest) : !homes.has(digest, repository));
}

/** By the place of what is to be sent again; `oneEach`: the other repositories mount it. */
export function wantedBlobs(
  missing: readonly RepositoryBlob[],
  source: PassingSource,
  oneEach: boolean,
): ReadonlyMap<string, WantedBlob> {
  const wanted = new Map<string, { readonly digest: Digest; readonly repositories: string[] }>();
  for (const { repository, digest } of missing) {
    const place = source.describe(digest);
    const known = wanted.get(place);
    if (known === undefined) wanted.set(place, { digest, repositories: [repository] });
    else if (!oneEach) known.repositories.push(repository);
  }
  return wanted;
}

import type { Descriptor } from "../../core/bundle/bundle.ts";
import type { ImageTree } from "../../core/bundle/push/image-tree.ts";
import type { PlannedImage } from "../../core/bundle/push/plan-push.ts";
import { headBlob } from "../registry/blobs.ts";
import { headManifest } from "../registry/manifests.ts";
import { WORTH_ASKING } from "../upload/blob-transfer.ts";
import { blobsStanding, findStanding } from "../upload/find-standing.ts";
import type { RepositoryBlob } from "../upload/push-context.ts";
import type { PassContext } from "./hold-blob.ts";

export interface BlobsAsked {
  readonly missing: readonly RepositoryBlob[];
  readonly there: readonly RepositoryBlob[];
}

/** Which blobs of images that are not there still have to be brought; of those alone that `isOpen` says. */
export async function listMissing(
  images: readonly PlannedImage[],
  { link, lanes, retrier, journal, deep, emit }: PassContext,
  isOpen: (blob: RepositoryBlob) => boolean,
): Promise<BlobsAsked> {
  const ask = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    lanes.run((lane) => retrier.run(what, work, lane));
  const missing: RepositoryBlob[] = [];
  const there: RepositoryBlob[] = [];
  const seen = new Set<string>();

  const lookAt = async (repository: string, { digest, size }: Descriptor): Promise<void> => {
    const mayBeThere = deep || journal.has(repository, digest) || size >= WORTH_ASKING;
    const isThere = mayBeThere && (await ask(digest, () => headBlob(link, repository, digest)));
    (isThere ? there : missing).push({ repository, digest });
    if (isThere) emit({ kind: "blob-end", repository, digest, size, end: "there", sentBytes: 0 });
  };
  const lookThrough = async (repository: string, reference: string, tree: ImageTree): Promise<void> => {
    const open = tree.blobs.filter(({ digest }) => isOpen({ repository, digest }));
    if (open.length === 0) return;
    const find = (one: string) => ask(repository, () => headManifest(link, repository, one));
    const standing = deep ? undefined : await findStanding(reference, tree, find);
    const known = standing === undefined ? new Set() : blobsStanding(tree, standing);
    const isKnown = ({ digest }: Descriptor): boolean => known.has(digest);
    there.push(...open.filter(isKnown).map(({ digest }) => ({ repository, digest })));
    const fresh = open.filter((blob) => !isKnown(blob) && isFirst(seen, `${repository}@${blob.digest}`));
    await Promise.all(fresh.map((blob) => lookAt(repository, blob)));
  };
  await Promise.all(
    images.flatMap(({ repository, tag, tree, referrers }) => [
      lookThrough(repository, tag ?? tree.image.top.digest, tree),
      ...referrers.map((referrer) => lookThrough(repository, referrer.image.top.digest, referrer)),
    ]),
  );
  return { missing, there };
}

function isFirst(seen: Set<string>, key: string): boolean {
  const isNew = !seen.has(key);
  seen.add(key);
  return isNew;
}

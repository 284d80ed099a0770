import type { Digest } from "../../core/bundle/bundle.ts";
import type { ImageTree } from "../../core/bundle/push/image-tree.ts";
import type { PlannedImage } from "../../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../../core/bundle/push/push-event.ts";
import { isGone } from "../registry/connect-registry.ts";
import { describePushFailure } from "../registry/describe-failure.ts";
import { endsAll } from "../registry/ends-all.ts";
import { type BlobTransfer, createBlobTransfer } from "./blob-transfer.ts";
import { blobsStanding, findStanding } from "./find-standing.ts";
import { createManifestTransfer, type ManifestTransfer } from "./manifest-transfer.ts";
import { needsChange } from "./needs-change.ts";
import type { PushContext } from "./push-context.ts";
import { requireAbsent } from "./require-absent.ts";
import { asSparseList, onlyPlatform } from "./sparse-list.ts";
import { isDamage } from "./verified-bytes.ts";

/**
 * Pushes images, a few at a time, in their order.
 *
 * - An image whose digest stands under its tag is left as it is.
 * - Blobs go first, then manifests with children before what names them, the tag last: whoever sees the tag can pull.
 * - What fails takes its own image along and no other; that the registry is gone, or lets nobody in, ends it all.
 */
export async function pushImages(
  images: readonly PlannedImage[],
  context: PushContext,
): Promise<readonly ImageResult[]> {
  const push = createImagePush(context);
  const results: ImageResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < images.length; at = next++) {
      const image = images[at];
      if (image === undefined) return;
      const result = await pushOne(image, push, context);
      results[at] = result;
      context.emit({ kind: "image-end", ...result });
    }
  };
  // More than there are lanes, so that these have work while an image waits for the last of its blobs.
  await Promise.all(Array.from({ length: context.lanes.limit() + 2 }, work));
  return results;
}

type ImagePush = (
  image: PlannedImage,
) => Promise<{ readonly result: "pushed" | "there"; readonly newDigest?: Digest }>;

async function pushOne(image: PlannedImage, push: ImagePush, context: PushContext): Promise<ImageResult> {
  const { name, repository, tag, tree } = image;
  const about = { name, repository, tag, digest: tree.image.top.digest };
  if (context.signal.aborted) return { ...about, result: "left" };
  context.emit({ kind: "image-begin", name });
  try {
    return { ...about, ...(await push(image)) };
  } catch (error) {
    // Another image's failure has ended the push: of this one nothing can be told.
    if (context.signal.aborted) return { ...about, result: "left" };
    if (endsAll(error) || (await isGone(context.link, error, repository))) context.stop();
    return {
      ...about,
      result: "failed",
      reason: describePushFailure(error),
      ...(isDamage(error) && { isDamaged: true }),
      ...(needsChange(error) && { needsChange: true }),
    };
  }
}

function createImagePush(context: PushContext): ImagePush {
  const blobs = createBlobTransfer(context);
  const manifests = createManifestTransfer(context);
  const parts: Parts = { context, blobs, manifests };
  /** Under its tag, or its digest. Returns the digest of what is there in its place; undefined: nothing else. */
  const putTop = async ({ repository, tag, tree }: PlannedImage): Promise<Digest | undefined> => {
    const top = tree.manifests.at(-1);
    if (top === undefined) return undefined;
    try {
      if (tag === undefined) await manifests.ensure(repository, top);
      else await manifests.tag(repository, tag, top);
      return undefined;
    } catch (error) {
      const sparse = asSparseList(error, tree);
      const only = onlyPlatform(tree)?.manifest;
      if (sparse === undefined || !context.allowNewDigest || only === undefined || tag === undefined)
        throw sparse ?? error;
      await manifests.tag(repository, tag, only);
      return only.digest;
    }
  };
  return async (image) => {
    const { repository, tag, tree, referrers } = image;
    const { digest } = tree.image.top;
    const only = onlyPlatform(tree)?.manifest;
    const standing = await findStanding(tag ?? digest, tree, (one) => manifests.find(repository, one));
    const { isWhole } = standing;
    if (context.allowNewDigest && only !== undefined && standing.top === only.digest)
      return { result: "there", newDigest: only.digest };
    if (!context.deep) for (const blob of blobsStanding(tree, standing)) blobs.noteThere(repository, blob);
    const wanted = tree.manifests
      .slice(0, -1)
      .filter((one) => context.deep || !standing.manifests.has(one.digest));
    const hasLooked = !isWhole || context.deep;
    const hasBrought = hasLooked && (await pushParts(parts, repository, tree, wanted));
    let hasSent = !isWhole || hasBrought;
    for (const referrer of referrers)
      if (await pushReferrer(parts, repository, referrer, standing.top === digest)) hasSent = true;
    const newDigest = standing.top === digest ? undefined : await putTop(image);
    return { result: hasSent ? "pushed" : "there", ...(newDigest === undefined ? {} : { newDigest }) };
  };
}

interface Parts {
  readonly context: PushContext;
  readonly blobs: BlobTransfer;
  readonly manifests: ManifestTransfer;
}

/** True: something was sent, or mounted. */
async function pushParts(
  { context, blobs, manifests }: Parts,
  repository: string,
  tree: ImageTree,
  wanted: ImageTree["manifests"],
): Promise<boolean> {
  await requireAbsent(context, manifests, repository, tree.absent);
  const ended = await Promise.allSettled(tree.blobs.map((blob) => blobs.ensure(repository, blob)));
  const failed = ended.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  if (failed.length > 0) throw failed.find(endsAll) ?? failed[0];
  let hasBrought = ended.some((end) => end.status === "fulfilled" && end.value !== "there");
  for (const manifest of wanted) if (await manifests.ensure(repository, manifest)) hasBrought = true;
  return hasBrought;
}

/** True: something of it was sent. */
async function pushReferrer(
  parts: Parts,
  repository: string,
  tree: ImageTree,
  mayBeThere: boolean,
): Promise<boolean> {
  const { digest } = tree.image.top;
  if (mayBeThere && (await parts.manifests.find(repository, digest)) !== undefined) return false;
  await pushParts(parts, repository, tree, tree.manifests);
  return true;
}

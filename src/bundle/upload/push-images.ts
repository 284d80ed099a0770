import type { AbsentPart, ImageTree } from "../../core/bundle/push/image-tree.ts";
import type { PlannedImage } from "../../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../../core/bundle/push/push-event.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { headBlob } from "../registry/blobs.ts";
import { ExhaustedError } from "../registry/retrier.ts";
import { type BlobTransfer, createBlobTransfer } from "./blob-transfer.ts";
import { describePushFailure } from "./describe-push-failure.ts";
import { createManifestTransfer, type ManifestTransfer } from "./manifest-transfer.ts";
import type { PushContext } from "./push-context.ts";

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

type ImagePush = (image: PlannedImage) => Promise<"pushed" | "there">;

async function pushOne(image: PlannedImage, push: ImagePush, context: PushContext): Promise<ImageResult> {
  const { name, repository, tag, tree } = image;
  const about = { name, repository, tag, digest: tree.image.top.digest };
  if (context.signal.aborted) return { ...about, result: "left" };
  context.emit({ kind: "image-begin", name });
  try {
    return { ...about, result: await push(image) };
  } catch (error) {
    if (context.signal.aborted) return { ...about, result: "left" };
    if (endsAll(error)) context.stop();
    return { ...about, result: "failed", reason: describePushFailure(error) };
  }
}

/** Nobody answers, or nobody is let in: whatever else is tried will end so, too. */
export function endsAll(error: unknown): boolean {
  if (error instanceof ExhaustedError) return error.isUnreachable;
  return (
    error instanceof RegistryError && error.code !== "credentials-refused" && error.code !== "token-refused"
  );
}

function createImagePush(context: PushContext): ImagePush {
  const blobs = createBlobTransfer(context);
  const manifests = createManifestTransfer(context);
  const parts: Parts = { context, blobs, manifests };
  return async ({ repository, tag, tree, referrers }) => {
    const { digest } = tree.image.top;
    const isThere = (await manifests.find(repository, tag ?? digest)) === digest;
    if (isThere) for (const blob of tree.blobs) if (!context.deep) blobs.noteThere(repository, blob.digest);
    const mustLook = !isThere || context.deep;
    if (mustLook) await pushParts(parts, repository, tree, tree.manifests.slice(0, -1));
    let hasSent = !isThere;
    for (const referrer of referrers)
      if (await pushReferrer(parts, repository, referrer, isThere)) hasSent = true;
    const top = tree.manifests.at(-1);
    if (top !== undefined && !isThere)
      await (tag === undefined ? manifests.ensure(repository, top) : manifests.tag(repository, tag, top));
    return hasSent ? "pushed" : "there";
  };
}

interface Parts {
  readonly context: PushContext;
  readonly blobs: BlobTransfer;
  readonly manifests: ManifestTransfer;
}

async function pushParts(
  { context, blobs, manifests }: Parts,
  repository: string,
  tree: ImageTree,
  wanted: ImageTree["manifests"],
): Promise<void> {
  await requireAbsent(context, manifests, repository, tree.absent);
  const ended = await Promise.allSettled(tree.blobs.map((blob) => blobs.ensure(repository, blob)));
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  for (const manifest of wanted) await manifests.ensure(repository, manifest);
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

/** What the bundle lacks has to be there from before, or the image could not be pulled. */
async function requireAbsent(
  { link, retrier, lanes }: PushContext,
  manifests: ManifestTransfer,
  repository: string,
  absent: readonly AbsentPart[],
): Promise<void> {
  for (const { kind, descriptor } of absent) {
    const { digest } = descriptor;
    const isThere =
      kind === "manifest"
        ? (await manifests.find(repository, digest)) !== undefined
        : await lanes.run((lane) => retrier.run(digest, () => headBlob(link, repository, digest), lane));
    if (!isThere) throw new IncompleteImageError(absent, { kind, descriptor });
  }
}

/** The bundle lacks parts of an image, and the registry does too. */
export class IncompleteImageError extends Error {
  override readonly name = "IncompleteImageError";
  constructor(absent: readonly AbsentPart[], { kind, descriptor }: AbsentPart) {
    const { digest, platform } = descriptor;
    const names = [platform?.["os"], platform?.["architecture"]].filter((part) => typeof part === "string");
    const what =
      kind === "blob" ? "layer or config" : `manifest${names.length > 0 ? ` for ${names.join("/")}` : ""}`;
    const more = absent.length > 1 ? ` (${absent.length} parts are missing)` : "";
    super(
      `neither the bundle nor the registry has its ${what} ${digest}${more}: make the bundle with all of the image, all platforms of a list included`,
    );
  }
}

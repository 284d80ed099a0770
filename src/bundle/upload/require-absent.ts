import type { AbsentPart } from "../../core/bundle/push/image-tree.ts";
import { repositoryFor } from "../../core/bundle/push/repository-name.ts";
import { headBlob } from "../registry/blobs.ts";
import { mountBlob } from "../registry/upload-blob.ts";
import type { ManifestTransfer } from "./manifest-transfer.ts";
import type { PushContext } from "./push-context.ts";

/** What the bundle lacks has to be there from before, or the image could not be pulled. */
export async function requireAbsent(
  context: PushContext,
  manifests: ManifestTransfer,
  repository: string,
  absent: readonly AbsentPart[],
): Promise<void> {
  for (const part of absent) {
    const { kind, descriptor, leftOut } = part;
    const { digest } = descriptor;
    // Some registries take a list without all that it names.
    if (kind === "manifest" && leftOut !== undefined) continue;
    const isThere =
      kind === "manifest"
        ? (await manifests.find(repository, digest)) !== undefined
        : await findBlob(context, repository, part);
    if (!isThere) throw new IncompleteImageError(absent, part);
  }
}

/** It is there, or where an image of an older bundle has it, from where it can be mounted. */
function findBlob(
  { link, retrier, lanes, namespace }: PushContext,
  repository: string,
  { descriptor: { digest }, leftOut }: AbsentPart,
): Promise<boolean> {
  const older = leftOut?.image === undefined ? undefined : repositoryFor(leftOut.image, digest, namespace);
  const from = older?.ok === true ? older.name.repository : undefined;
  return lanes.run((lane) =>
    retrier.run(
      digest,
      async () =>
        (await headBlob(link, repository, digest)) ||
        (from !== undefined && (await mountBlob(link, { repository, digest, from }))),
      lane,
    ),
  );
}

/** The bundle lacks parts of an image, and the registry does too. */
export class IncompleteImageError extends Error {
  override readonly name = "IncompleteImageError";
  constructor(absent: readonly AbsentPart[], { kind, descriptor, leftOut }: AbsentPart) {
    const { digest, platform } = descriptor;
    const names = [platform?.["os"], platform?.["architecture"]].filter((part) => typeof part === "string");
    const what =
      kind === "blob" ? "layer or config" : `manifest${names.length > 0 ? ` for ${names.join("/")}` : ""}`;
    const more = absent.length > 1 ? ` (${absent.length} parts are missing)` : "";
    const fix =
      leftOut === undefined
        ? "make the bundle with all of the image, all platforms of a list included"
        : "the bundle is an increment: push the older one first, or make one without --since";
    super(`neither the bundle nor the registry has its ${what} ${digest}${more}: ${fix}`);
  }
}

import { platformName } from "../../core/bundle/check-image.ts";
import type { ImageTree, TreeManifest } from "../../core/bundle/push/image-tree.ts";
import { AnswerError } from "../registry/answer-error.ts";

/** A list of which the bundle has some platforms only, and a registry that wants all of them. */
export class SparseListError extends Error {
  override readonly name = "SparseListError";
  constructor(missing: number, only: string | undefined) {
    const way =
      only === undefined
        ? ""
        : `, or push with --allow-new-digest: then its tag leads to ${only} alone, which has a digest of its own`;
    super(
      `this registry takes no list without all that it names, and the bundle was made without ${missing} of its manifests: make one with all platforms (dump without --platform; docker save keeps one of them)${way}`,
    );
  }
}

/** What to say of a list that was refused because of what was left out; undefined: that was not why. */
export function asSparseList(error: unknown, tree: ImageTree): SparseListError | undefined {
  const isRefused = error instanceof AnswerError && [400, 404].includes(error.status);
  const missing = tree.absent.filter(({ kind, leftOut }) => kind === "manifest" && leftOut !== undefined);
  if (!isRefused || missing.length === 0) return undefined;
  return new SparseListError(missing.length, onlyPlatform(tree)?.platform);
}

/** The manifest of the only platform that the bundle has of a thinned-out list: what can stand in its place. */
export function onlyPlatform({
  manifests,
  absent,
}: ImageTree): { readonly platform: string; readonly manifest: TreeManifest } | undefined {
  if (!absent.some(({ kind, leftOut }) => kind === "manifest" && leftOut !== undefined)) return undefined;
  const found = (manifests.at(-1)?.parts.manifests ?? []).flatMap(({ digest, platform }) => {
    const manifest = manifests.find((one) => one.digest === digest);
    // Attestations are for no platform, and say so; some programs say nothing of any.
    const name = platformName(platform) ?? (platform === undefined ? "the one image in it" : undefined);
    return manifest === undefined || name === undefined ? [] : [{ platform: name, manifest }];
  });
  return found.length === 1 ? found[0] : undefined;
}

import type { Digest } from "../../core/bundle/bundle.ts";
import type { ImageTree } from "../../core/bundle/push/image-tree.ts";

/** What of an image a repository has. */
export interface Standing {
  /** What its tag, or its digest, leads to; undefined: nothing. */
  readonly top: Digest | undefined;
  /** Of what the bundle holds, the manifests that are there, as far as they were asked for. */
  readonly manifests: ReadonlySet<Digest>;
  /** All of them. */
  readonly isWhole: boolean;
}

/**
 * Looks for an image. Some registries take a list without what it names: that a list is there says nothing about what
 * is below it, so that each manifest of those that the bundle holds is asked for.
 */
export async function findStanding(
  reference: string,
  { image, manifests }: ImageTree,
  find: (reference: string) => Promise<Digest | undefined>,
): Promise<Standing> {
  const top = await find(reference);
  if (top !== image.top.digest) return { top, manifests: new Set(), isWhole: false };
  const below = manifests.map(({ digest }) => digest).filter((digest) => digest !== top);
  const found = await Promise.all(below.map(find));
  const there = below.filter((_, at) => found[at] !== undefined);
  return { top, manifests: new Set([top, ...there]), isWhole: there.length === below.length };
}

/** The blobs of manifests that are there: the registry had them when it took those. */
export function blobsStanding({ manifests }: ImageTree, standing: Standing): ReadonlySet<Digest> {
  const there = manifests.filter(({ digest }) => standing.manifests.has(digest));
  return new Set(there.flatMap(({ parts }) => parts.blobs.map(({ digest }) => digest)));
}

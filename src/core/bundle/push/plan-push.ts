import type { Descriptor, Digest } from "../bundle.ts";
import { giveNames, whyNameless } from "./give-names.ts";
import type { ImageTree } from "./image-tree.ts";
import { type RepositoryName, repositoryFor } from "./repository-name.ts";

/** An image and its place at the registry. */
export interface PlannedImage extends RepositoryName {
  /** As the bundle, or whoever pushes, calls it. */
  readonly name: string;
  readonly tree: ImageTree;
  /** Manifests about this one or a part of it, which go with it: signatures, SBOMs. */
  readonly referrers: readonly ImageTree[];
}

export interface PushPlan {
  readonly images: readonly PlannedImage[];
  /** Images that cannot be pushed as they are, and what to do: a sentence each. Others are no worse off for them. */
  readonly leftOut: readonly string[];
  /** Why nothing can be pushed before they are settled: a sentence each. */
  readonly problems: readonly string[];
}

export interface PlanOptions {
  readonly namespace: string;
  /** For images that the bundle does not name: with a tag for the one that there is, without for each, under its own tag. */
  readonly name?: string | undefined;
  readonly allowNewDigest: boolean;
}

/** Finds the place of each image. Nothing is left out silently. */
export function planPush(trees: readonly ImageTree[], options: PlanOptions): PushPlan {
  const leftOut: string[] = [];
  const { referrers, images } = partition(trees, options);
  const unnamed = images
    .filter(({ image, problem }) => image.name === undefined && problem === undefined)
    .map(({ image }) => image);
  const naming = giveNames(unnamed, options.name);
  const planned = images.flatMap((tree): readonly PlannedImage[] => {
    const { image, problem } = tree;
    const { top, name = naming.names.get(image), newDigest } = image;
    const leave = (why: string): readonly PlannedImage[] => {
      leftOut.push(why);
      return [];
    };
    if (problem !== undefined)
      return leave(`${name ?? image.ref ?? top.digest} cannot be pushed: ${problem}`);
    if (name === undefined) return leave(whyNameless(image, unnamed));
    if (newDigest !== undefined && !options.allowNewDigest)
      return leave(`${name} cannot keep its digest: ${newDigest}; --allow-new-digest pushes it all the same`);
    const result = repositoryFor(name, top.digest, options.namespace);
    if (!result.ok) return leave(result.message);
    return [{ name, tree, ...result.name, referrers: referrersOf(tree, referrers) }];
  });
  const { clear, clashes } = separateClashes(dropRepeats(planned));
  return { images: clear, leftOut: [...leftOut, ...clashes], problems: naming.problems };
}

/** What has no name and says something about another manifest goes where that one goes. */
function partition(trees: readonly ImageTree[], { name }: PlanOptions) {
  const digests = new Set(trees.flatMap(({ manifests }) => manifests.map(({ digest }) => digest)));
  const isReferrer = (tree: ImageTree): boolean => {
    const subject = subjectOf(tree);
    return tree.image.name === undefined && subject !== undefined && digests.has(subject.digest);
  };
  // A bundle of a single referrer, which was given a name, is an image like others.
  const isSingle = name !== undefined && trees.length === 1;
  return {
    referrers: isSingle ? [] : trees.filter(isReferrer),
    images: isSingle ? trees : trees.filter((tree) => !isReferrer(tree)),
  };
}

/** What the top of a tree is about. */
export function subjectOf({ manifests }: ImageTree): Descriptor | undefined {
  return manifests.at(-1)?.parts.subject;
}

/** Those of its parts, and those of these. */
function referrersOf(tree: ImageTree, all: readonly ImageTree[]): readonly ImageTree[] {
  const found = new Set<ImageTree>();
  const known = new Set<Digest>(tree.manifests.map(({ digest }) => digest));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const one of all) {
      if (found.has(one) || !known.has(subjectOf(one)?.digest ?? "")) continue;
      found.add(one);
      for (const { digest } of one.manifests) known.add(digest);
    }
  }
  return [...found];
}

function placeOf({ repository, tag, tree }: PlannedImage): string {
  return tag === undefined ? `${repository}@${tree.image.top.digest}` : `${repository}:${tag}`;
}

/** Several bundles, or names that differ in their host only, may hold the very same image. */
function dropRepeats(images: readonly PlannedImage[]): readonly PlannedImage[] {
  const seen = new Set<string>();
  return images.filter((image) => {
    const key = `${placeOf(image)} ${image.tree.image.top.digest}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Of different images for one place none is pushed: nobody knows which one is meant. */
function separateClashes(images: readonly PlannedImage[]) {
  const groups = new Map<string, PlannedImage[]>();
  for (const image of images) groups.set(placeOf(image), [...(groups.get(placeOf(image)) ?? []), image]);
  const isClear = (image: PlannedImage): boolean => groups.get(placeOf(image))?.length === 1;
  const clashes = images
    .filter((image) => !isClear(image))
    .map((image) => {
      const { name, tree } = image;
      const others = (groups.get(placeOf(image)) ?? []).filter((one) => one !== image);
      const names = others
        .map((one) => (one.name === name ? one.tree.image.top.digest : one.name))
        .join(", ");
      const isOther = others.length === 1 ? "is a different image" : "are different images";
      return `${name} (${tree.image.top.digest}): ${names} ${isOther}, and each would be ${placeOf(image)} at the mirror: give each a bundle and a namespace of its own`;
    });
  return { clear: images.filter(isClear), clashes };
}

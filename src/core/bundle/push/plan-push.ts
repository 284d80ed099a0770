import type { Descriptor, Digest } from "../bundle.ts";
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
  /** For the one image that the bundle does not name. */
  readonly name?: string | undefined;
  readonly allowNewDigest: boolean;
}

/** Finds the place of each image. Nothing is left out silently. */
export function planPush(trees: readonly ImageTree[], options: PlanOptions): PushPlan {
  const problems: string[] = [];
  const leftOut: string[] = [];
  const { referrers, images } = partition(trees, options);
  const unnamed = images.filter(({ image }) => image.name === undefined);
  if (options.name !== undefined && unnamed.length !== 1)
    problems.push(
      `--name ${options.name} is for a bundle with one image that has no name; this one has ${unnamed.length}`,
    );
  const planned = images.flatMap((tree): readonly PlannedImage[] => {
    const { top, name = options.name, newDigest } = tree.image;
    if (name === undefined) {
      const how =
        unnamed.length === 1
          ? "give it one with --name, such as gcr.io/a/b:1.0"
          : "--name gives one to a single image: save each by its name, or in a bundle of its own";
      leftOut.push(`${top.digest} has no name in the bundle: ${how}`);
      return [];
    }
    if (newDigest !== undefined && !options.allowNewDigest) {
      leftOut.push(`${name} cannot keep its digest: ${newDigest}; --allow-new-digest pushes it all the same`);
      return [];
    }
    const result = repositoryFor(name, top.digest, options.namespace);
    if (!result.ok) {
      leftOut.push(result.message);
      return [];
    }
    return [{ name, tree, ...result.name, referrers: referrersOf(tree, referrers) }];
  });
  const distinct = dropRepeats(planned);
  return { images: distinct, leftOut, problems: [...problems, ...findClashes(distinct)] };
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

function findClashes(images: readonly PlannedImage[]): readonly string[] {
  const first = new Map<string, PlannedImage>();
  return images.flatMap((image) => {
    const place = placeOf(image);
    const other = first.get(place);
    if (other === undefined) {
      first.set(place, image);
      return [];
    }
    const names = other.name === image.name ? `${image.name}, twice` : `${other.name} and ${image.name}`;
    return [`${names}: both would be ${place} at the mirror, and they are different images`];
  });
}

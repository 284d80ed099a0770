import type { BundleImage, Descriptor, Digest } from "../bundle.ts";
import type { LeftOut } from "../dump/bundle-record.ts";
import { isThinnedOut } from "../is-thinned-out.ts";
import { isForeign, type ManifestParts } from "./manifest-parts.ts";

/** A manifest that is to be pushed as it is. */
export interface TreeManifest {
  readonly digest: Digest;
  readonly size: number;
  readonly parts: ManifestParts;
}

/** An image with all that belongs to it. */
export interface ImageTree {
  readonly image: BundleImage;
  /** Children before what names them; the image's own manifest or index is the last. */
  readonly manifests: readonly TreeManifest[];
  /** Configs and layers, each once, in the order of the manifests. */
  readonly blobs: readonly Descriptor[];
  /** What the image names and the bundle lacks: it has to be at the registry already. */
  readonly absent: readonly AbsentPart[];
  /** Why it cannot be pushed: what is wrong with a part of it. */
  readonly problem?: string;
}

export interface AbsentPart {
  readonly kind: "manifest" | "blob";
  readonly descriptor: Descriptor;
  /** Whoever made the bundle meant it so, or a program that keeps one platform of a list. */
  readonly leftOut?: {
    /** An image that was pushed before, and has it. */
    readonly image?: string;
  };
}

/** Manifests that were read from the bundle, and what it holds besides. */
export interface TreeParts {
  readonly partsOf: (digest: Digest) => TreeManifest | undefined;
  readonly has: (digest: Digest) => boolean;
  /** What is wrong with a part that the bundle has, or with how it is described. */
  readonly problemOf?: (part: Descriptor) => string | undefined;
  readonly leftOut?: LeftOut | undefined;
}

/** Puts a tree together. Every manifest has been read before; what was not is absent. */
export function buildImageTree(image: BundleImage, parts: TreeParts): ImageTree {
  const { partsOf, has, problemOf = () => undefined, leftOut } = parts;
  const manifests = new Map<Digest, TreeManifest>();
  const blobs = new Map<Digest, Descriptor>();
  const absent = new Map<Digest, AbsentPart>();
  const visited = new Set<Digest>();
  const meant = new Map<Digest, NonNullable<AbsentPart["leftOut"]>>([
    ...(leftOut?.manifests ?? []).map((digest) => [digest, {}] as const),
    ...(leftOut?.blobs ?? []).map((blob) => [blob.digest, blob] as const),
  ]);
  const lack = (kind: AbsentPart["kind"], descriptor: Descriptor): void => {
    const why = meant.get(descriptor.digest);
    absent.set(descriptor.digest, { kind, descriptor, ...(why === undefined ? {} : { leftOut: why }) });
  };
  let { problem } = image;
  const isThinned = (child: Descriptor): boolean => {
    const found = partsOf(child.digest);
    const isThere = found !== undefined || problemOf(child) !== undefined;
    return isThinnedOut(isThere, found?.parts.blobs, (one) => has(one) || meant.has(one));
  };
  const visitBelow = (children: readonly Descriptor[]): void => {
    const thinned = new Set(children.filter(isThinned));
    // A list of which nothing is there has not been thinned out by anybody.
    const isMeant = thinned.size < children.length;
    for (const child of children) {
      if (!isMeant || !thinned.has(child)) visit(child);
      else absent.set(child.digest, { kind: "manifest", descriptor: child, leftOut: {} });
    }
  };
  const visit = (descriptor: Descriptor): void => {
    if (visited.has(descriptor.digest)) return;
    visited.add(descriptor.digest);
    problem ??= problemOf(descriptor);
    const found = partsOf(descriptor.digest);
    if (found === undefined) return void lack("manifest", descriptor);
    visitBelow(found.parts.manifests);
    for (const blob of found.parts.blobs) {
      problem ??= problemOf(blob);
      if (has(blob.digest)) blobs.set(blob.digest, blob);
      else if (!isForeign(blob)) lack("blob", blob);
    }
    manifests.set(found.digest, found);
  };
  visit(image.top);
  return {
    image,
    manifests: [...manifests.values()],
    blobs: [...blobs.values()],
    absent: [...absent.values()],
    ...(problem === undefined ? {} : { problem }),
  };
}

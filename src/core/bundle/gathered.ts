import type { BundleImage, Digest } from "./bundle.ts";
import { BundleError } from "./bundle-error.ts";
import type { LeftOut } from "./dump/bundle-record.ts";
import type { ManifestParts } from "./push/manifest-parts.ts";
import type { Member } from "./scan.ts";

/** What a bundle holds under a digest: bytes in a member, or bytes that were made from what is there. */
export interface Holding {
  readonly size: number;
  readonly place: string;
  readonly member?: Member;
  readonly bytes?: Uint8Array;
  /** Digest of what is in it when it is decompressed, as the image's config has it; where that is all there is to go by. */
  readonly inner?: Digest;
}

/** Something about a bundle that whoever sends it off has to know. */
export interface Problem {
  /** `error`: an image of it cannot be pushed whole; `left-out`: nor can it, but whoever made the bundle meant it so. */
  readonly severity: "error" | "left-out" | "warning";
  readonly code: ProblemCode;
  /** A sentence; names the entry where there is one. */
  readonly message: string;
}

export type ProblemCode =
  | "wrong-digest"
  | "wrong-size"
  | "missing-blob"
  | "missing-manifest"
  | "bad-manifest"
  | "left-out-platform"
  | "bad-name"
  | "name-twice"
  | "no-name"
  | "foreign-layer"
  | "unreadable-archive"
  | "no-end-mark"
  | "passed-over"
  | "increment";

/** An image with a name as it was found. */
export interface FoundImage extends BundleImage {
  /** The name's host is not known; Docker's would be a wrong guess. */
  readonly isHostless?: true;
}

/** A bundle being put together, from whatever shapes are in it. */
export interface Gathered {
  readonly shapes: Set<string>;
  readonly images: FoundImage[];
  readonly holdings: Map<Digest, Holding>;
  /** Those that were read, by their digest. */
  readonly manifests: Map<Digest, ManifestParts>;
  readonly problems: Problem[];
  /** What whoever made it has left out, and said so. */
  leftOut?: LeftOut;
}

export function createGathered(): Gathered {
  return { shapes: new Set(), images: [], holdings: new Map(), manifests: new Map(), problems: [] };
}

/** The first stays: what is under one digest is the same. Throws BundleError for a member that is there twice. */
export function hold(gathered: Gathered, digest: Digest, holding: Holding): void {
  if (!gathered.holdings.has(digest)) gathered.holdings.set(digest, holding);
}

export function holdMember(gathered: Gathered, digest: Digest, member: Member, inner?: Digest): void {
  const { size, place, again } = member;
  if (again !== undefined) throw new BundleError("refused", `${place}: it is there again (${again})`);
  hold(gathered, digest, { size, place, member, ...(inner === undefined ? {} : { inner }) });
}

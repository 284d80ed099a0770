import type { LeftOut } from "./dump/bundle-record.ts";

/** `sha256:…`: algorithm and lower-case hexadecimal digits; checked where it comes in. */
export type Digest = string;

/** Where content is, as an index or manifest names it: https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Where a foreign layer is to be had from; a bundle may well lack it. */
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, unknown>>;
  readonly artifactType?: string;
}

/** An image that a bundle holds. */
export interface BundleImage {
  /** `gcr.io/a/b:tag`, `gcr.io/a/b@sha256:…` or both; undefined: the bundle does not say. */
  readonly name: string | undefined;
  /** Without a name: what it has in place of one, a tag, or a name without a host such as `app:1.0`. */
  readonly ref?: string;
  /** Without a name: why the one that it has is none, a sentence. */
  readonly badName?: string;
  /** Its manifest or index. */
  readonly top: Descriptor;
  /** Why it cannot keep the digest that it was saved under; undefined: it keeps it. */
  readonly newDigest?: string;
  /** Why it cannot be pushed, whatever else may be. */
  readonly problem?: string;
}

/** What a bundle says of itself, whatever its shape. */
export interface Bundle {
  /** In the order of the bundle. */
  readonly images: readonly BundleImage[];
  /** Everything it holds by digest, manifests included, with its size in bytes. */
  readonly blobs: ReadonlyMap<Digest, { readonly size: number }>;
  /** What it lacks because whoever made it wanted it so. */
  readonly leftOut?: LeftOut;
}

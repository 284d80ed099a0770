import type { Readable } from "node:stream";
import type { Digest } from "../core/bundle/bundle.ts";

/** Part of a blob: from `start` up to and without `end`, in bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Random access to what a bundle holds: a folder, an OCI layout, a plain .tar. */
export interface BlobSource {
  /** Its bytes, as often as asked for. What is wrong with them is an error of the stream. */
  open(digest: Digest, range?: ByteRange): Readable;
  /** How a person finds the blob: a path, or the entry of an archive with its offset. */
  describe(digest: Digest): string;
}

import type { Digest } from "../../core/bundle/bundle.ts";

/** A blob cannot be had, which says nothing about others. `cause` tells why. */
export class LostBlobError extends Error {
  override readonly name = "LostBlobError";
  readonly digest: Digest;
  /** It was asked for again, and came as it should: what has gone out of it is wrong all the same. */
  readonly wasRightThen: boolean;
  constructor(digest: Digest, cause: unknown, wasRightThen = false) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.digest = digest;
    this.wasRightThen = wasRightThen;
  }
}

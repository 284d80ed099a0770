import type { Digest } from "../../core/bundle/bundle.ts";
import { AnswerError } from "../registry/answer-error.ts";
import { WrongContentError } from "../registry/wrong-content.ts";

/** What was to be handed on cannot be, which says nothing about other blobs. */
export class LostBlobError extends Error {
  override readonly name = "LostBlobError";
  readonly digest: Digest;
  /** It was asked for again, and came as it should: what has been handed on is wrong all the same. */
  readonly wasRightThen: boolean;
  constructor(digest: Digest, cause: unknown, wasRightThen = false) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.digest = digest;
    this.wasRightThen = wasRightThen;
  }
}

/** A repository does not have it, or not what it should be, and says so: no outage, and no trouble with a login. */
export function isLoss(error: unknown): error is Error {
  return (
    error instanceof WrongContentError || (error instanceof AnswerError && NOT_THERE.includes(error.status))
  );
}

/** 403: some storages say so of what they do not have, and scanners of what they hold back. The manifests were let out. */
const NOT_THERE: readonly number[] = [403, 404, 410, 451];

/**
 * - `unavailable`, `timeout`: no answer for now; `applied` says what may have become of the changes
 * - `aborted`: by the caller's signal, or the engine was closed
 * - `bad-request`: beyond `engine-limits.ts` or against the rules of `Txn`
 * - `lease-lost`: the lease is gone; nothing was changed
 * - `denied`: credentials or certificates do not suffice
 * - `no-space`: the store is full, by the disk or by its own quota
 * - `too-large`: a listing beyond what is held in memory
 * - `damaged`: what is stored cannot be read back
 * - `refused`: everything else, in the engine's own words
 */
export type EngineErrorCode =
  | "unavailable"
  | "timeout"
  | "aborted"
  | "bad-request"
  | "lease-lost"
  | "denied"
  | "no-space"
  | "too-large"
  | "damaged"
  | "refused";

export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: EngineErrorCode;
  /** Whether the changes of a transaction were made: `unknown` asks for a look before the next try. */
  readonly applied: "no" | "unknown";
  constructor(
    code: EngineErrorCode,
    message: string,
    more: { applied?: "no" | "unknown"; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.code = code;
    this.applied = more.applied ?? "no";
  }
}

export function abortedError(): EngineError {
  return new EngineError("aborted", "aborted before there was an answer");
}

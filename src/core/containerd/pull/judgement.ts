import type { FailureCode } from "../../evidence/registry-failure.ts";

/**
 * What containerd does after an answer. serves: takes it · asks: asks the same host by GET · next: goes to the next
 * host · stops: the pull fails, although a later host may be good · hangs: waits without limit, or until the whole
 * pull is cancelled · unknown: it could not be asked as containerd would.
 */
export type Move = "serves" | "asks" | "next" | "stops" | "hangs" | "unknown";

export type AnswerCode =
  | "served"
  /** 2xx without a digest or a length: containerd fetches the manifest to know them. */
  | "no-digest"
  | "not-found"
  | "unauthorized"
  | "credentials-refused"
  | "forbidden"
  | "rate-limited"
  | "server-error"
  | "other-status"
  | "redirect-to-nowhere"
  | "bad-digest-header"
  | "manifest-too-large"
  | "get-refused"
  | "web-page"
  | "wrong-type"
  | "schema-1"
  | "no-content"
  | "blob-for-manifest"
  | "digest-unknown"
  | "short-body"
  | "wrong-bytes"
  | "cut-body"
  | "not-a-manifest"
  | "no-platform"
  | "witness"
  | FailureCode;

export interface Judgement {
  readonly move: Move;
  readonly code: AnswerCode;
}

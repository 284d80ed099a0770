import type { AnswerCode } from "../../../containerd/pull/judgement.ts";

/** What of a node, and not of a host, makes pulls fail. */
export type NodeTrouble =
  | "cri-not-answering"
  | "cri-refuses-config"
  | "mirrors-beside-config-path"
  | "tls-beside-config-path"
  | "progress-timeout-invalid"
  | "config-section-ignored"
  | "config-version-refused"
  | "hosts-file-dropped"
  | "ca-file-unusable"
  | "client-file-unusable"
  | "no-resolving-host"
  | "hosts-file-unreadable"
  | "tls-keys-on-http"
  | "image-name-refused"
  | "pull-cancelled";

/** What an error text amounts to: what explain calls it where a host is at fault, else a name of its own. */
export type ErrorCode = AnswerCode | "speaks-https" | "login-refused-or-missing" | NodeTrouble;

/** A wording and its meaning. The first one that fits counts: what is said at the innermost stands first. */
export interface ErrorForm {
  readonly pattern: RegExp;
  readonly code: ErrorCode | ((match: RegExpExecArray) => ErrorCode);
  /** What the words give besides: a name, a file, an address. Without secrets. */
  readonly detail?: (match: RegExpExecArray) => string;
  /** Who writes it, and since when where that matters. */
  readonly source: string;
}

/** `$1` of the match, or of the first group that took part. */
export function firstGroup(match: RegExpExecArray): string {
  return match.slice(1).find((group) => group !== undefined && group !== "") ?? "";
}

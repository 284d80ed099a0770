import type { AnswerCode } from "../../../containerd/pull/judgement.ts";

/** What of a node, and not of a host, makes pulls fail. */
export type NodeTrouble = ConfigTrouble | HostsTrouble | "image-name-refused" | "pull-cancelled";

/** What of config.toml: the codes that the checks of the file itself have for it. */
export type ConfigTrouble =
  | "cri-not-answering"
  | "cri-refuses-setting"
  | "mirrors-beside-config-path"
  | "tls-beside-config-path"
  | "progress-timeout-invalid"
  | "config-not-toml"
  | "config-wrong-type"
  | "config-version-refused"
  | "plugin-name-refused"
  | "import-missing"
  | "config-section-ignored"
  | "config-path-misplaced"
  | "config-key-unknown"
  | "legacy-tls-ignored"
  | "config-path-no-directory";

/** What of certs.d: likewise. */
export type HostsTrouble =
  | DroppedFile
  | "hosts-file-crash"
  | "ca-file-unusable"
  | "client-file-unusable"
  | "no-resolving-host"
  | "directory-is-file"
  | "hosts-file-unreadable"
  | "tls-keys-on-http";

/** A hosts.toml that containerd drops whole, by what it has against it. */
export type DroppedFile =
  | "hosts-file-dropped"
  | "hosts-file-bom"
  | "hosts-file-capability"
  | "hosts-file-no-host-table"
  | "hosts-file-ipv6-header"
  | "hosts-file-wrong-type"
  | "hosts-file-bad-url"
  | "hosts-file-bad-duration";

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

import type { Finding, FindingCode } from "../finding.ts";

const WHATEVER_SEVERITY: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "directory-name",
  "root-not-read",
  "legacy-namespace",
  "legacy-endpoint",
]);

const AS_ERROR: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "hosts-file-dropped",
  "hosts-file-bom",
  "hosts-file-capability",
  "hosts-file-no-host-table",
  "hosts-file-ipv6-header",
  "hosts-file-wrong-type",
  "hosts-file-bad-url",
  "hosts-file-bad-duration",
  "hosts-file-crash",
  "hosts-file-unreadable",
  "hosts-file-empty",
  "hosts-file-name",
  "hosts-file-misplaced",
  "link-dangling",
  "ignored-key",
  "server-in-host-table",
  "host-table-unread",
  "host-order-random",
  "host-listed-twice",
  "host-never-reached",
  "api-path-twice",
  "no-resolving-host",
  "default-directory-unknown",
  "directory-hidden",
  "directory-too-deep",
  "ca-file-unusable",
  "client-file-unusable",
]);

/** Whether a finding says by itself why a mirror that is named at its place is not used. */
export function explainsMiss({ code, severity }: Finding): boolean {
  return WHATEVER_SEVERITY.has(code) || (severity === "error" && AS_ERROR.has(code));
}

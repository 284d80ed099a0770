import type { FindingCode } from "../finding.ts";

/** Findings of this family that say by themselves why a mirror named at their place is not used. */
export const EXPLAINING: ReadonlySet<FindingCode> = new Set<FindingCode>([
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
  "link-dangling",
  "ignored-key",
  "server-in-host-table",
  "host-table-unread",
  "host-order-random",
  "host-listed-twice",
  "host-never-reached",
  "api-path-twice",
  "no-resolving-host",
]);

import type { AnswerCode } from "../../containerd/pull/judgement.ts";
import type { FindingCode } from "../finding.ts";

/** Where an answer came from, as far as that decides what is to be mended. */
export interface AnswerOrigin {
  readonly role: "mirror" | "upstream" | "witness" | "unknown";
  /** No answer came from where the host redirects to. */
  readonly isDeadEnd?: boolean;
}

/** The finding that an answer, or the lack of one, amounts to; undefined where nothing is wrong or nothing is known. */
export function findingOfAnswer(
  code: AnswerCode,
  { role, isDeadEnd = false }: AnswerOrigin,
): FindingCode | undefined {
  const found = FINDING_OF[code];
  if (found === "host-limits-rate" && role === "upstream") return "upstream-limits-rate";
  // Who redirects has to know whether the node can follow.
  return found !== undefined && isDeadEnd ? "redirect-leads-nowhere" : found;
}

/** Every code has its line, so that a new one cannot be forgotten. */
const FINDING_OF: Readonly<Record<AnswerCode, FindingCode | undefined>> = {
  served: undefined,
  "no-digest": undefined,
  witness: undefined,
  "not-found": "image-not-on-host",
  unauthorized: "host-wants-login",
  "credentials-refused": "host-refuses-login",
  forbidden: "host-forbids",
  "rate-limited": "host-limits-rate",
  "server-error": "host-server-error",
  "other-status": "answer-unusable",
  "redirect-to-nowhere": "redirect-leads-nowhere",
  "bad-digest-header": "wrong-digest",
  "manifest-too-large": "answer-unusable",
  "get-refused": "answer-unusable",
  "web-page": "web-page-for-image",
  "wrong-type": "wrong-content-type",
  "schema-1": "image-too-old",
  "no-content": "content-cut-short",
  "blob-for-manifest": "wrong-content-type",
  "digest-unknown": "wrong-digest",
  "short-body": "content-cut-short",
  "wrong-bytes": "wrong-digest",
  "cut-body": "content-cut-short",
  "not-a-manifest": "answer-unusable",
  "no-platform": "no-such-platform",
  "no-such-host": "host-name-unresolved",
  "no-name-server": "host-name-unresolved",
  "lookup-failed": "host-name-unresolved",
  refused: "host-unreachable",
  "no-route": "host-unreachable",
  "connect-reset": "host-unreachable",
  "connect-failed": "host-unreachable",
  "connect-timeout": "host-silent",
  "no-answer": "host-silent",
  "proxy-refuses": "proxy-blocks-host",
  "unknown-authority": "server-certificate-untrusted",
  "wrong-authority": "server-certificate-untrusted",
  expired: "server-certificate-expired",
  "not-yet-valid": "server-certificate-not-yet-valid",
  "name-not-covered": "server-certificate-wrong-name",
  "common-name-only": "server-certificate-wrong-name",
  "weak-signature": "tls-handshake-fails",
  "not-for-servers": "tls-handshake-fails",
  "wants-client-certificate": "tls-handshake-fails",
  "refuses-client-certificate": "tls-handshake-fails",
  "old-tls": "tls-handshake-fails",
  "tls-timeout": "tls-handshake-fails",
  "tls-closed": "tls-handshake-fails",
  "tls-failed": "tls-handshake-fails",
  "tls-file": "ca-file-unusable",
  "speaks-http": "host-speaks-http",
  closed: "host-closes-connection",
  "not-http": "answer-unusable",
  "redirect-loop": "redirect-leads-nowhere",
  "bad-redirect": "redirect-leads-nowhere",
  "unusable-url": "host-cannot-be-asked",
  "bad-header": "host-cannot-be-asked",
  "no-credentials": "host-wants-login",
  "bad-credentials": "host-refuses-login",
  "unknown-scheme": "host-wants-login",
  "no-realm": "token-service-fails",
  "token-unreachable": "token-service-fails",
  "token-refused": "token-service-fails",
  "no-token": "token-service-fails",
  status: "answer-unusable",
  // It could not be asked as containerd would: nothing is known of it.
  "socks-proxy": undefined,
  "link-local": undefined,
  loopback: undefined,
  "credentials-withheld": undefined,
  "time-over": undefined,
};

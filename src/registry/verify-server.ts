import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import type { FailureCode } from "../core/evidence/registry-failure.ts";

export interface Refusal {
  readonly code: Extract<FailureCode, "name-not-covered" | "common-name-only" | "weak-signature">;
  readonly detail: string;
}

/**
 * Go's view of a certificate that OpenSSL has already accepted: the name must be among the subject alternative
 * names (Common Name does not count), `*` stands for one whole label, and SHA-1 signatures are refused.
 * Returns why Go would refuse it; undefined: accepted.
 */
export function refusalOfGo(host: string, certificate: PeerCertificate): Refusal | undefined {
  return refusalOfName(host, certificate) ?? refusalOfSignatures(certificate);
}

/** The first certificate of the chain to expire, ms since the epoch; undefined when none was shown. */
export function firstToExpire(
  certificate: DetailedPeerCertificate,
): { readonly startMs: number; readonly endMs: number } | undefined {
  return chainOf(certificate)
    .map(({ valid_from, valid_to }) => ({ startMs: Date.parse(valid_from), endMs: Date.parse(valid_to) }))
    .filter(({ endMs }) => Number.isFinite(endMs))
    .sort((one, other) => one.endMs - other.endMs)[0];
}

/** What of the chain belongs to OpenSSL's complaint: who issued it, when it ended or begins. */
export function describeChain(code: string, certificate: DetailedPeerCertificate): string {
  const chain = chainOf(certificate);
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    const field = code === "CERT_HAS_EXPIRED" ? "valid_to" : "valid_from";
    const times = chain.map((each) => Date.parse(each[field])).filter((ms) => Number.isFinite(ms));
    if (times.length === 0) return "";
    const at = code === "CERT_HAS_EXPIRED" ? Math.min(...times) : Math.max(...times);
    return code === "CERT_HAS_EXPIRED" ? ` (on ${dayOf(at)})` : ` (before ${dayOf(at)})`;
  }
  const top = chain.at(-1);
  const issuer = top?.issuer?.CN ?? top?.issuer?.O;
  if (issuer === undefined) return "";
  const isOwn = code === "DEPTH_ZERO_SELF_SIGNED_CERT";
  return isOwn ? " (it is self-signed)" : ` (${String(issuer)})`;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = leaf;
  // The root names itself as its issuer.
  while (next?.raw !== undefined && !chain.includes(next) && chain.length < 10) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function refusalOfName(host: string, certificate: PeerCertificate): Refusal | undefined {
  const names = parseAlternativeNames(certificate.subjectaltname ?? "");
  const wanted = isIP(host) === 0 ? names.dns : names.ip;
  const matches =
    isIP(host) === 0
      ? names.dns.some((pattern) => matchesName(pattern, host))
      : new X509Certificate(certificate.raw).checkIP(host) !== undefined;
  if (matches) return undefined;
  if (names.dns.length + names.ip.length === 0)
    return { code: "common-name-only", detail: String(certificate.subject?.CN ?? "nobody") };
  const valid = wanted.length === 0 ? [...names.dns, ...names.ip] : wanted;
  const detail = `${host} but for ${valid.slice(0, 5).join(", ")}`;
  return { code: "name-not-covered", detail };
}

function parseAlternativeNames(text: string): {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
} {
  const entries = text.split(", ");
  const valuesOf = (prefix: string): readonly string[] =>
    entries.filter((entry) => entry.startsWith(prefix)).map((entry) => entry.slice(prefix.length));
  return { dns: valuesOf("DNS:"), ip: valuesOf("IP Address:") };
}

function matchesName(pattern: string, host: string): boolean {
  const expected = pattern.toLowerCase().split(".");
  const actual = host.toLowerCase().replace(/\.$/, "").split(".");
  if (expected.length !== actual.length) return false;
  return expected.every((label, at) => label === actual[at] || (at === 0 && label === "*"));
}

// sha1WithRSAEncryption, ecdsa-with-SHA1, md5WithRSAEncryption, as DER object identifiers.
const REFUSED = ["06092a864886f70d010105", "06072a8648ce3d0401", "06092a864886f70d010104"];

// Go checks every signature of the chain but the root's own.
function refusalOfSignatures(leaf: PeerCertificate): Refusal | undefined {
  let certificate: PeerCertificate & { issuerCertificate?: PeerCertificate } = leaf;
  for (let depth = 0; depth < 10; depth++) {
    const issuer = certificate.issuerCertificate;
    const isRoot = issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256;
    if (isRoot && depth > 0) return undefined;
    if (REFUSED.includes(signatureAlgorithm(certificate.raw)))
      return { code: "weak-signature", detail: String(certificate.subject?.CN ?? "its server") };
    if (isRoot) return undefined;
    certificate = issuer;
  }
  return undefined;
}

/** Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER … } … } */
function signatureAlgorithm(der: Buffer): string {
  const outer = readHeader(der, 0);
  const body = readHeader(der, outer.content);
  const algorithm = readHeader(der, body.end);
  const identifier = readHeader(der, algorithm.content);
  return der.subarray(algorithm.content, identifier.end).toString("hex");
}

function readHeader(der: Buffer, start: number): { readonly content: number; readonly end: number } {
  const first = der[start + 1] ?? 0;
  if (first < 0x80) return { content: start + 2, end: start + 2 + first };
  const bytes = first & 0x7f;
  const content = start + 2 + bytes;
  return { content, end: content + der.readUIntBE(start + 2, bytes) };
}

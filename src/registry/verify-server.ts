import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";

/**
 * Go's view of a certificate that OpenSSL has already accepted: the name must be among the subject alternative
 * names (Common Name does not count), `*` stands for one whole label, and SHA-1 signatures are refused.
 * Returns what Go would complain about; undefined: accepted.
 */
export function complaintOfGo(host: string, certificate: PeerCertificate): string | undefined {
  return complaintOfName(host, certificate) ?? complaintOfSignatures(certificate);
}

function complaintOfName(host: string, certificate: PeerCertificate): string | undefined {
  const names = parseAlternativeNames(certificate.subjectaltname ?? "");
  const wanted = isIP(host) === 0 ? names.dns : names.ip;
  const matches =
    isIP(host) === 0
      ? names.dns.some((pattern) => matchesName(pattern, host))
      : new X509Certificate(certificate.raw).checkIP(host) !== undefined;
  if (matches) return undefined;
  if (names.dns.length + names.ip.length === 0) {
    return `its certificate names ${certificate.subject?.CN ?? "nobody"} in the Common Name only, which containerd ignores; issue it with ${host} as a subject alternative name`;
  }
  const valid = wanted.length === 0 ? [...names.dns, ...names.ip] : wanted;
  return `its certificate is not valid for ${host} but for ${valid.slice(0, 5).join(", ")}; issue it with ${host} as a subject alternative name, or use one of these names`;
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
function complaintOfSignatures(leaf: PeerCertificate): string | undefined {
  let certificate: PeerCertificate & { issuerCertificate?: PeerCertificate } = leaf;
  for (let depth = 0; depth < 10; depth++) {
    const issuer = certificate.issuerCertificate;
    const isRoot = issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256;
    if (isRoot && depth > 0) return undefined;
    if (REFUSED.includes(signatureAlgorithm(certificate.raw))) {
      return `the certificate of ${certificate.subject?.CN ?? "its server"} is signed with SHA-1 or MD5, which containerd refuses; issue it with SHA-256`;
    }
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

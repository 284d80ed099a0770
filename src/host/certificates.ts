import { createPrivateKey, X509Certificate } from "node:crypto";
import type {
  CertificateFacts,
  CertificateInspection,
  InspectCertificates,
  KeyMatch,
} from "../core/certificates.ts";

/** Reads certificates and keys with OpenSSL, through node:crypto. */
export const inspectCertificates: InspectCertificates = (pem, keyPem) => {
  const certificates: X509Certificate[] = [];
  for (const block of certificateBlocks(pem)) {
    try {
      certificates.push(new X509Certificate(block));
    } catch (error) {
      return { ok: false, message: `certificate ${certificates.length + 1}: ${describe(error)}` };
    }
  }
  return {
    ok: true,
    certificates: certificates.map(readFacts),
    key: matchKey(certificates[0], keyPem),
  } satisfies CertificateInspection;
};

function certificateBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function readFacts(certificate: X509Certificate): CertificateFacts {
  return {
    subject: certificate.subject.replaceAll("\n", ", ") || "no subject",
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    isCa: certificate.ca,
    isSelfSigned: isSelfSigned(certificate),
  };
}

// checkIssued() says no of a certificate that may not sign others, which can have signed itself all the same.
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

function matchKey(
  certificate: X509Certificate | undefined,
  keyPem: string | undefined,
): KeyMatch | undefined {
  if (certificate === undefined || keyPem === undefined) return undefined;
  if (/ENCRYPTED/.test(keyPem)) return "encrypted";
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem)) ? "match" : "mismatch";
  } catch {
    return "unreadable";
  }
}

// OpenSSL's own words never quote the input.
function describe(error: unknown): string {
  return error instanceof Error ? error.message : "not an X.509 certificate";
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/** A certificate with its key, and the authorities that nodes are checked against: PEM, and good together. */
export interface FeedCertificates {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  /** When the server's certificate ends, ms since the epoch. */
  readonly certEndsMs: number;
  /** When the first of the authorities ends. */
  readonly caEndsMs: number;
}

export type CertificatesResult =
  | { readonly ok: true; readonly certificates: FeedCertificates }
  /** Which file, and what is wrong; never what is in it. */
  | { readonly ok: false; readonly message: string };

/** Looks at everything that would otherwise be found out at a handshake: a pair that does not match, a CA that is none. */
export function checkCertificates(
  files: Readonly<Record<"ca" | "cert" | "key", Buffer>>,
): CertificatesResult {
  const { ca, cert, key } = files;
  try {
    const authorities = readCertificates(ca);
    const [own] = readCertificates(cert);
    if (authorities.length === 0) return refuse("ca", "holds no certificate in PEM");
    if (own === undefined) return refuse("cert", "holds no certificate in PEM");
    if (authorities.some((one) => !one.ca))
      return refuse("ca", "holds a certificate that may not sign others");
    if (!own.checkPrivateKey(createPrivateKey(key)))
      return refuse("key", "does not belong to the certificate; both have to be replaced");
    createSecureContext({ ca, cert, key });
    const caEndsMs = Math.min(...authorities.map(endOf));
    return { ok: true, certificates: { ca, cert, key, certEndsMs: endOf(own), caEndsMs } };
  } catch (error) {
    // OpenSSL's words name no contents.
    return { ok: false, message: `the certificate files cannot be used: ${(error as Error).message}` };
  }
}

export function sameCertificates(one: FeedCertificates, other: FeedCertificates): boolean {
  return one.ca.equals(other.ca) && one.cert.equals(other.cert) && one.key.equals(other.key);
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const MOST_BLOCKS = 256;

function readCertificates(pem: Buffer): readonly X509Certificate[] {
  const blocks = pem.toString("latin1").match(BLOCK) ?? [];
  return blocks.slice(0, MOST_BLOCKS).map((block) => new X509Certificate(block));
}

function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}

function refuse(file: string, message: string): CertificatesResult {
  return { ok: false, message: `feed.${file} ${message}` };
}

/** What is read out of one X.509 certificate. */
export interface CertificateFacts {
  /** One line, such as `CN=mirror CA`. */
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** It may sign others: basic constraints say so. */
  readonly isCa: boolean;
  /** It signed itself. */
  readonly isSelfSigned: boolean;
}

/** Certificates of a PEM text in their order, or why it cannot be read. */
export type CertificateInspection =
  | {
      readonly ok: true;
      readonly certificates: readonly CertificateFacts[];
      readonly key: KeyMatch | undefined;
    }
  | { readonly ok: false; readonly message: string };

/** How a private key fits the first certificate. */
export type KeyMatch = "match" | "mismatch" | "unreadable" | "encrypted";

/**
 * Parses every CERTIFICATE block of `pem` and, when `keyPem` is given, compares that key with the first one.
 * Never throws, keeps nothing. Core has no cryptography: an adapter brings this in.
 */
export type InspectCertificates = (pem: string, keyPem?: string) => CertificateInspection;

import type { CertificateFacts } from "../certificates.ts";
import type { IssueLog } from "./issue-log.ts";
import { nameOf } from "./material-reader.ts";
import type { Material } from "./parsed-state.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { quote } from "./text.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * PEM certificates that are valid now. One that is not is an error when no other certificate of the file is;
 * among others it is a warning, since a bundle may keep an old one.
 */
export function checkCertificates(
  pem: string,
  material: Material,
  context: ResolveContext,
  log: IssueLog,
): void {
  const name = nameOf(material);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    const message = `${name} holds a private key beside certificates; the file is copied to where every user of the node can read it`;
    log.error("key-in-ca", material.at, message, "keep only the CERTIFICATE blocks");
    return;
  }
  const inspection = context.inspectCertificates(pem);
  const begun = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (!inspection.ok || inspection.certificates.length === 0 || inspection.certificates.length !== begun) {
    const reason = inspection.ok
      ? begun === 0
        ? "it has no CERTIFICATE block"
        : "a CERTIFICATE block is damaged"
      : inspection.message;
    log.error(
      "certificate-invalid",
      material.at,
      `${name} is no PEM certificate: ${reason}; with it every pull from this registry would fail, the upstream included`,
      "give a PEM file with -----BEGIN CERTIFICATE-----",
    );
    return;
  }
  const someValid = inspection.certificates.some((certificate) => isValid(certificate, context.nowMs));
  for (const certificate of inspection.certificates)
    checkDates(certificate, name, someValid, material, context.nowMs, log);
}

/** The key belongs to the (first) certificate. */
export function checkClientKey(
  certificate: string,
  key: string,
  material: Material,
  context: ResolveContext,
  log: IssueLog,
): void {
  const inspection = context.inspectCertificates(certificate, key);
  const match = inspection.ok ? inspection.key : undefined;
  const name = nameOf(material);
  if (match === "mismatch") {
    log.error(
      "key-mismatch",
      material.at,
      `the key ${name} does not belong to the client certificate; with it every pull from this registry would fail`,
      "give the key that the certificate was made for",
    );
  } else if (match === "encrypted" || match === "unreadable") {
    const reason =
      match === "encrypted"
        ? "is encrypted, and containerd cannot ask for a passphrase"
        : "is no PEM private key";
    log.error("key-invalid", material.at, `the key ${name} ${reason}`, "give an unencrypted PEM key");
  }
}

function isValid({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs <= notAfterMs;
}

function checkDates(
  certificate: CertificateFacts,
  name: string,
  someValid: boolean,
  { at }: Material,
  nowMs: number,
  log: IssueLog,
): void {
  const who = `${name} (${quote(certificate.subject).slice(1, -1)})`;
  const report = someValid ? log.warn.bind(log) : log.error.bind(log);
  if (nowMs > certificate.notAfterMs) {
    report(
      "certificate-expired",
      at,
      `${who} expired on ${day(certificate.notAfterMs)}, so containerd would refuse the mirror`,
      "renew it",
    );
  } else if (nowMs < certificate.notBeforeMs) {
    report(
      "certificate-not-yet-valid",
      at,
      `${who} is valid from ${day(certificate.notBeforeMs)} only`,
      "check the node's clock, or wait",
    );
  } else if (certificate.notAfterMs - nowMs < 14 * DAY_MS) {
    log.warn(
      "certificate-expires-soon",
      at,
      `${who} expires on ${day(certificate.notAfterMs)}; after that containerd refuses the mirror`,
      "renew it before then",
    );
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { der } from "./der.ts";

/** PEM. */
interface KeyAndCertificate {
  readonly certificate: string;
  readonly key: string;
}

/**
 * A new P-256 key and a certificate of its own for one IPv4 address: a TLS server's, not an authority's, so that it
 * vouches for nothing else, and valid whatever the clock says. Go takes a certificate that is itself in the pool.
 * Format: RFC 5280, https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
export function createSelfSigned(name: string, ipv4: string): KeyAndCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signed = tbsCertificate(name, ipv4, publicKey);
  const signature = sign("sha256", signed, { key: privateKey, dsaEncoding: "der" });
  const certificate = der.sequence(signed, ECDSA_WITH_SHA256, der.bits(signature));
  return {
    certificate: toPem("CERTIFICATE", certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

const ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));

function tbsCertificate(name: string, ipv4: string, publicKey: KeyObject): Uint8Array {
  const subject = der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(name))));
  return der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(serialNumber()),
    ECDSA_WITH_SHA256,
    subject,
    // The last second of the year 9999 is RFC 5280's "no end".
    der.sequence(der.utcTime("700101000000Z"), der.time("99991231235959Z")),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, extensions(ipv4)),
  );
}

function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function extensions(ipv4: string): Uint8Array {
  const critical = der.boolean(true);
  const address = der.implicit(7, Uint8Array.from(ipv4.split("."), Number));
  return der.sequence(
    // An empty sequence: no authority.
    der.sequence(der.oid("2.5.29.19"), critical, der.octets(der.sequence())),
    // The first bit: digitalSignature.
    der.sequence(der.oid("2.5.29.15"), critical, der.octets(der.bits(Uint8Array.of(0x80), 7))),
    // serverAuth
    der.sequence(der.oid("2.5.29.37"), der.octets(der.sequence(der.oid("1.3.6.1.5.5.7.3.1")))),
    der.sequence(der.oid("2.5.29.17"), der.octets(der.sequence(address))),
  );
}

function toPem(type: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${type}-----\n${lines}\n-----END ${type}-----\n`;
}

import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { der } from "../../../../src/host/der.ts";

/** An authority that can make ten thousand certificates in seconds, all with one key. */
export interface QuickAuthority {
  readonly ca: string;
  readonly key: string;
  server(): string;
  node(id: string): string;
}

export function createQuickAuthority(): QuickAuthority {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const others = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issue = (name: string, key: KeyObject, extensions: Uint8Array): string => {
    const signed = der.sequence(
      der.explicit(0, der.integer(Uint8Array.of(2))),
      der.integer(Uint8Array.of(0x40, ...randomBytes(15))),
      ECDSA_WITH_SHA256,
      nameOf("bench CA"),
      der.sequence(der.utcTime("700101000000Z"), der.time("99991231235959Z")),
      nameOf(name),
      key.export({ type: "spki", format: "der" }),
      der.explicit(3, extensions),
    );
    const signature = sign("sha256", signed, own.privateKey);
    const bytes = der.sequence(signed, ECDSA_WITH_SHA256, der.bits(signature));
    return `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes)
      .toString("base64")
      .replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
  };
  const basic = (isCa: boolean) =>
    der.sequence(
      der.oid("2.5.29.19"),
      der.boolean(true),
      der.octets(der.sequence(...(isCa ? [der.boolean(true)] : []))),
    );
  const named = (name: Uint8Array) => der.sequence(der.oid("2.5.29.17"), der.octets(der.sequence(name)));
  return {
    ca: issue("bench CA", own.publicKey, der.sequence(basic(true))),
    key: createPrivateKey(others.privateKey.export({ type: "pkcs8", format: "pem" }))
      .export({ type: "pkcs8", format: "pem" })
      .toString(),
    server: () =>
      issue(
        "server",
        others.publicKey,
        der.sequence(basic(false), named(der.implicit(7, Uint8Array.of(127, 0, 0, 1)))),
      ),
    node: (id) =>
      issue(
        id,
        others.publicKey,
        der.sequence(
          basic(false),
          named(der.implicit(6, new TextEncoder().encode(`spiffe://bench/node/${id}`))),
        ),
      ),
  };
}

const ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));

function nameOf(name: string): Uint8Array {
  return der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(name))));
}

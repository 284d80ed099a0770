import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { encodeSpki } from "../core/signing/trusted-keys.ts";

/** Ed25519 as RFC 8032 has it, by OpenSSL. Never throws: a key that is no point of the curve has signed nothing. */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(encodeSpki(key)), format: "der", type: "spki" });
    return verify(null, message, publicKey, signature);
  } catch {
    return false;
  }
}

/** A key that signs. What it is made of stays in the process. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export type SigningKeyResult =
  | { readonly ok: true; readonly key: SigningKey }
  | { readonly ok: false; readonly message: string };

/** A PKCS #8 PEM with an Ed25519 key. Says what else it is, and never what is in it. */
export function readSigningKey(pem: string): SigningKeyResult {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type:.*ENCRYPTED/m.test(pem))
    return {
      ok: false,
      message:
        "it is encrypted, and no passphrase is asked for: hand it over decrypted, by a pipe: --key <(openssl pkey -in FILE)",
    };
  if (/-----BEGIN OPENSSH PRIVATE KEY-----/.test(pem))
    return { ok: false, message: "it is a key of OpenSSH: make one with mirrorlet fleet keygen" };
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return { ok: false, message: "it holds no private key in PEM (-----BEGIN PRIVATE KEY-----)" };
  }
  if (key.asymmetricKeyType !== "ed25519")
    return {
      ok: false,
      message: `it is a key of ${key.asymmetricKeyType ?? "another kind"}, not of Ed25519`,
    };
  return {
    ok: true,
    key: {
      publicKey: rawPublicKey(createPublicKey(key)),
      sign: (message) => Uint8Array.from(sign(null, message, key)),
    },
  };
}

export interface NewKeyPair {
  /** PKCS #8 PEM. */
  readonly privatePem: string;
  /** SubjectPublicKeyInfo PEM. */
  readonly publicPem: string;
  readonly publicKey: Uint8Array;
}

export function createKeyPair(): NewKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privatePem: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
    publicPem: publicKey.export({ format: "pem", type: "spki" }) as string,
    publicKey: rawPublicKey(publicKey),
  };
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(key.export({ format: "der", type: "spki" }).subarray(-32));
}

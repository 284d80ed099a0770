import { decodeBytes, encodeBytes } from "./decode-bytes.ts";
import { SIGNING_LIMITS } from "./signing-limits.ts";

/** An Ed25519 public key. */
export interface PublicKey {
  /** Hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly keyId: string;
  /** 32 bytes, RFC 8032. */
  readonly raw: Uint8Array;
}

export type KeysResult =
  | { readonly ok: true; readonly keys: readonly PublicKey[] }
  | { readonly ok: false; readonly message: string };

type Sha256 = (bytes: Uint8Array) => string;

/** DER before the 32 bytes of a key: https://www.rfc-editor.org/rfc/rfc8410#section-4 */
const SPKI_HEAD = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const INLINE = /^ed25519:([A-Za-z0-9+/]{43}=)$/;

export function createPublicKey(raw: Uint8Array, sha256: Sha256): PublicKey {
  return { keyId: sha256(encodeSpki(raw)), raw };
}

/** DER of the SubjectPublicKeyInfo. */
export function encodeSpki(raw: Uint8Array): Uint8Array {
  return Uint8Array.of(...SPKI_HEAD, ...raw);
}

/** As `trust.keys` takes it: `ed25519:` and the base64 of the 32 bytes. */
export function formatInlineKey(raw: Uint8Array): string {
  return `ed25519:${encodeBytes(raw)}`;
}

/** The 32 bytes of an inline key; undefined when the text is none. */
export function readInlineKey(text: string): Uint8Array | undefined {
  const bytes = decodeBytes(INLINE.exec(text)?.[1] ?? "=");
  return bytes?.length === 32 ? bytes : undefined;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** Every key of a PEM file, which may hold several, with other text between them. Anything but Ed25519 public keys is refused. */
export function readPublicKeys(pem: string, sha256: Sha256): KeysResult {
  const blocks = [...pem.matchAll(BLOCK)];
  const begun = pem.match(/-----BEGIN /g)?.length ?? 0;
  if (begun !== blocks.length)
    return { ok: false, message: "it holds a PEM block that is cut off or damaged" };
  if (blocks.length === 0)
    return { ok: false, message: "it holds no PEM block (-----BEGIN PUBLIC KEY-----)" };
  const keys: PublicKey[] = [];
  for (const [, type = "", body = ""] of blocks) {
    if (type.endsWith("PRIVATE KEY"))
      return {
        ok: false,
        message: "it holds a private key, which belongs on no node: only the public one does",
      };
    const raw = type === "PUBLIC KEY" ? readSpki(decodeBytes(body.replace(/\s+/g, ""))) : undefined;
    if (raw === undefined)
      return { ok: false, message: `it holds something else than Ed25519 public keys (${type})` };
    keys.push(createPublicKey(raw, sha256));
  }
  if (keys.length > SIGNING_LIMITS.keys)
    return { ok: false, message: `it holds more than ${SIGNING_LIMITS.keys} keys` };
  return { ok: true, keys };
}

function readSpki(der: Uint8Array | undefined): Uint8Array | undefined {
  const isEd25519 =
    der?.length === SPKI_HEAD.length + 32 && SPKI_HEAD.every((byte, index) => der[index] === byte);
  return isEd25519 ? der.slice(SPKI_HEAD.length) : undefined;
}

/** Each key once, however often it is listed. */
export function uniqueKeys(keys: readonly PublicKey[]): readonly PublicKey[] {
  return [...new Map(keys.map((key) => [key.keyId, key])).values()];
}

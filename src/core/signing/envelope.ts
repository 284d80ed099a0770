import type { Issue } from "../issue.ts";
import { decodeBytes, encodeBytes } from "./decode-bytes.ts";
import { type JsonDocument, openJson, Refusal, readArray, readFields, readString } from "./json-reader.ts";
import type { JsonNode } from "./json-text.ts";
import { SIGNING_LIMITS } from "./signing-limits.ts";

/** A DSSE envelope: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md */
export interface Envelope {
  readonly payloadType: string;
  /** The bytes that were signed. Nobody has vouched for them yet. */
  readonly payload: Uint8Array;
  readonly signatures: readonly Signature[];
}

export interface Signature {
  /** Hex SHA-256 of the key's SubjectPublicKeyInfo: which key to try, nothing more. */
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

export type EnvelopeResult =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly issue: Issue };

/** The envelope in these bytes, of which nothing is believed yet. `file` is for messages. */
export function readEnvelope(
  bytes: Uint8Array,
  file: string,
  maxBytes: number = SIGNING_LIMITS.fileBytes,
): EnvelopeResult {
  const source = { file, code: "signed-envelope", what: "the envelope", fix: FIX } as const;
  if (bytes.length > maxBytes) {
    const at = { file, line: 1, column: 1 };
    const message = `the envelope has ${bytes.length} bytes, more than the ${maxBytes} that are read; nothing of it is applied`;
    return {
      ok: false,
      issue: { code: source.code, severity: "error", at, message, fix: "make it smaller" },
    };
  }
  try {
    return { ok: true, envelope: readDocument(openJson(bytes, source, { depth: 4, nodes: 1000 })) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issue: error.issue };
    throw error;
  }
}

/** One line and a line end; what `readEnvelope` reads back to the same. */
export function writeEnvelope({ payloadType, payload, signatures }: Envelope): Uint8Array {
  const document = {
    payloadType,
    payload: encodeBytes(payload),
    signatures: signatures.map(({ keyId, bytes }) => ({ keyid: keyId, sig: encodeBytes(bytes) })),
  };
  return new TextEncoder().encode(`${JSON.stringify(document)}\n`);
}

/**
 * Whether these bytes mean to be an envelope: a JSON object with `payloadType` before anything nested. Only for choosing
 * words and ways; what it says no to is not thereby trusted.
 */
export function isEnvelope(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 0x20 && byte < 0x80);
  return first === 0x7b && BEGINS_AS_ENVELOPE.test(new TextDecoder().decode(bytes));
}

const BEGINS_AS_ENVELOPE =
  /^\s*\{\s*(?:"(?:payload|signatures)"\s*:\s*(?:"[^"]*"|\[[^\]]*\])\s*,\s*)*"payloadType"\s*:/;

const FIX = "have it written by mirrorlet fleet sign, and copied whole";

function readDocument(document: JsonDocument): Envelope {
  const fields = readFields(document.root, "the envelope", document, [
    "payloadType",
    "payload",
    "signatures",
  ]);
  const payload = decodeBytes(readString(fields.payload, "payload", document));
  if (payload === undefined) throw document.refuse(fields.payload, "payload is not base64");
  return {
    payloadType: readString(fields.payloadType, "payloadType", document),
    payload,
    signatures: readSignatures(fields.signatures, document),
  };
}

function readSignatures(node: JsonNode, document: JsonDocument): readonly Signature[] {
  const items = readArray(node, "signatures", document);
  if (items.length === 0) throw document.refuse(node, "signatures is empty: nobody has signed");
  if (items.length > SIGNING_LIMITS.signatures)
    throw document.refuse(node, `there are more than ${SIGNING_LIMITS.signatures} signatures`);
  const seen = new Set<string>();
  return items.map((item) => {
    const { keyid, sig } = readFields(item, "a signature", document, ["keyid", "sig"]);
    const keyId = readString(keyid, "keyid", document);
    if (!/^[0-9a-f]{64}$/.test(keyId))
      throw document.refuse(keyid, "keyid is not the SHA-256 of a public key in lower-case hex");
    if (seen.has(keyId)) throw document.refuse(keyid, "a second signature by the same key: it counts once");
    seen.add(keyId);
    const bytes = decodeBytes(readString(sig, "sig", document));
    if (bytes?.length !== 64) throw document.refuse(sig, "sig is not the base64 of the 64 bytes of Ed25519");
    return { keyId, bytes };
  });
}

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { type Envelope, writeEnvelope } from "../../../src/core/signing/envelope.ts";
import { preAuthEncoding } from "../../../src/core/signing/pre-auth-encoding.ts";
import { PAYLOAD_TYPE, type SignedState, writeSignedState } from "../../../src/core/signing/signed-state.ts";
import { type PublicKey, createPublicKey as publicKeyOf } from "../../../src/core/signing/trusted-keys.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const NOW = Date.parse("2026-06-01T12:00:00Z");
export const DAY = 86_400_000;

/** PKCS #8 of Ed25519 before the seed: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

export interface TestKey extends PublicKey {
  readonly secret: KeyObject;
  sign(message: Uint8Array): Uint8Array;
}

/** The same seed gives the same key. */
export function testKey(seed: number | string): TestKey {
  const bytes = typeof seed === "number" ? Buffer.alloc(32, seed) : Buffer.from(seed, "hex");
  const secret = createPrivateKey({ key: Buffer.concat([HEAD, bytes]), format: "der", type: "pkcs8" });
  const raw = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32);
  return {
    ...publicKeyOf(raw, sha256),
    secret,
    sign: (message) => Uint8Array.from(sign(null, message, secret)),
  };
}

export function signedState(overrides: Partial<SignedState> = {}): SignedState {
  return {
    fleet: "prod",
    channel: "stable",
    audience: {},
    serial: 12,
    floorSerial: 10,
    notBeforeMs: undefined,
    expiresMs: NOW + 30 * DAY,
    desiredState: "registryMirrors:\n- endpoint: http://127.0.0.1:5000\n  hosts: [quay.io]\n",
    name: "desired-state.yaml",
    ...overrides,
  };
}

export function envelopeOf(
  payload: Uint8Array,
  keys: readonly TestKey[],
  payloadType = PAYLOAD_TYPE,
): Envelope {
  const message = preAuthEncoding(payloadType, payload);
  const signatures = keys.map((key) => ({ keyId: key.keyId, bytes: key.sign(message) }));
  return { payloadType, payload, signatures };
}

export function signDocument(state: SignedState, keys: readonly TestKey[]): Uint8Array {
  return writeEnvelope(envelopeOf(writeSignedState(state), keys));
}

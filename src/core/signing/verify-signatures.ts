import type { Envelope } from "./envelope.ts";
import { preAuthEncoding } from "./pre-auth-encoding.ts";
import type { PublicKey } from "./trusted-keys.ts";

/** Whether `signature` (64 bytes) is that of `message` by the key (32 bytes), RFC 8032 Ed25519. Never throws. */
export type VerifyEd25519 = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

export interface Trust {
  readonly keys: readonly PublicKey[];
  /** So many different keys have to have signed. At least 1. */
  readonly threshold: number;
}

/** Key ids by what became of their signatures, each once. */
export interface SignatureReport {
  readonly suffices: boolean;
  readonly good: readonly string[];
  /** Trusted keys whose signature does not fit the payload. */
  readonly wrong: readonly string[];
  /** Keys that are not trusted: their signatures were not looked at. */
  readonly unknown: readonly string[];
}

/** Counts the trusted keys that have signed these very bytes. A key counts once, however often it is listed or has signed. */
export function verifySignatures(envelope: Envelope, trust: Trust, verify: VerifyEd25519): SignatureReport {
  const message = preAuthEncoding(envelope.payloadType, envelope.payload);
  const trusted = new Map(trust.keys.map((key) => [key.keyId, key.raw]));
  const good = new Set<string>();
  const wrong = new Set<string>();
  const unknown = new Set<string>();
  for (const { keyId, bytes } of envelope.signatures) {
    const key = trusted.get(keyId);
    if (key === undefined) unknown.add(keyId);
    else if (verify(key, message, bytes)) good.add(keyId);
    else wrong.add(keyId);
  }
  return {
    suffices: trust.threshold >= 1 && good.size >= trust.threshold,
    good: [...good],
    wrong: [...wrong].filter((keyId) => !good.has(keyId)),
    unknown: [...unknown],
  };
}

/** `1 of 2 signatures that are needed: good by 12ab…; not trusted: 34cd…; trusted are 12ab…, 56ef…` */
export function describeSignatures(report: SignatureReport, trust: Trust): string {
  const { good, wrong, unknown } = report;
  const parts = [
    ...(good.length === 0 ? [] : [`good by ${shortIds(good)}`]),
    ...(wrong.length === 0 ? [] : [`made for other bytes: ${shortIds(wrong)}`]),
    ...(unknown.length === 0 ? [] : [`by keys that are not trusted: ${shortIds(unknown)}`]),
    `trusted ${trust.keys.length === 1 ? "is" : "are"} ${shortIds(trust.keys.map(({ keyId }) => keyId))}`,
  ];
  return `${good.length} of the ${trust.threshold} signature${trust.threshold === 1 ? "" : "s"} that ${trust.threshold === 1 ? "is" : "are"} needed: ${parts.join("; ")}`;
}

/** Enough of a key id for people to tell keys apart. */
export function shortId(keyId: string): string {
  return keyId.slice(0, 16);
}

const MOST_SHOWN = 8;

export function shortIds(keyIds: readonly string[]): string {
  const more = keyIds.length > MOST_SHOWN ? ` and ${keyIds.length - MOST_SHOWN} more` : "";
  return `${keyIds.slice(0, MOST_SHOWN).map(shortId).join(", ")}${more}`;
}

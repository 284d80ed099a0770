import { openPayload } from "./check-signed-state.ts";
import { type Envelope, isEnvelope, readEnvelope } from "./envelope.ts";
import type { SignedState } from "./signed-state.ts";
import { shortIds } from "./verify-signatures.ts";

/**
 * Why `next`, a signed document, is not written over the file with the bytes `before`; undefined: it may be. Left as they
 * are: whatever is no signed document, a key above all; signatures that others have made; a serial that two documents
 * would have then, or that goes back, which nobody could tell apart later. Completes "FILE ".
 */
export function refuseOverwrite(before: Uint8Array, next: Uint8Array): string | undefined {
  if (!isEnvelope(before)) return "is there, and no signed document: it is not written over";
  const [was, will] = [readEnvelope(before, ""), readEnvelope(next, "")];
  // What is damaged is of use to nobody.
  if (!was.ok || !will.ok) return undefined;
  return isSamePayload(was.envelope, will.envelope)
    ? lostSignatures(was.envelope, will.envelope)
    : staleSerial(was.envelope, will.envelope);
}

function isSamePayload({ payload: one }: Envelope, { payload: other }: Envelope): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function lostSignatures(before: Envelope, next: Envelope): string | undefined {
  const kept = new Set(next.signatures.map(({ keyId }) => keyId));
  const lost = before.signatures.map(({ keyId }) => keyId).filter((keyId) => !kept.has(keyId));
  if (lost.length === 0) return undefined;
  return `is signed by ${shortIds(lost)} too, which would be lost: add your signature to that file itself`;
}

function staleSerial(before: Envelope, next: Envelope): string | undefined {
  const [was, will] = [stateOf(before), stateOf(next)];
  if (was === undefined || will === undefined) return undefined;
  if (was.fleet !== will.fleet || was.channel !== will.channel || will.serial > was.serial) return undefined;
  const { fleet, channel, serial } = was;
  return `has serial ${serial} of ${fleet}/${channel} already, and says something else: sign with a higher --serial, or remove that file if no node has seen it`;
}

function stateOf(envelope: Envelope): SignedState | undefined {
  const opened = openPayload(envelope, "");
  return opened.ok ? opened.state : undefined;
}

/** The same payload with all signatures of before, and at least one more. */
export function addsSignatures(before: Uint8Array, next: Uint8Array): boolean {
  const [was, will] = [readEnvelope(before, ""), readEnvelope(next, "")];
  if (!was.ok || !will.ok || !isSamePayload(was.envelope, will.envelope)) return false;
  const hasMore = will.envelope.signatures.length > was.envelope.signatures.length;
  return hasMore && lostSignatures(was.envelope, will.envelope) === undefined;
}

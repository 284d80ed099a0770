import type { VerifiedState } from "../core/signing/check-signed-state.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import { shortIds } from "../core/signing/verify-signatures.ts";

/** The signed state that is in force, as the record and reports have it. */
export interface SignedRecord {
  readonly fleet: string;
  readonly channel: string;
  readonly serial: number;
  /** Hex SHA-256 of the signed payload. */
  readonly digest: string;
  /** Ids of the trusted keys that have signed it. */
  readonly keyIds: readonly string[];
  /** ms since the epoch. */
  readonly expiresMs: number;
  /** States of this fleet and channel below it are refused; a second copy of what serial-floors.json has. */
  readonly floor: number;
}

export function toSignedRecord({ state, digest, keyIds }: VerifiedState, floor: number): SignedRecord {
  const { fleet, channel, serial, expiresMs } = state;
  return { fleet, channel, serial, digest, keyIds, expiresMs, floor };
}

/** Whether it is one in shape, where somebody else than the agent may have written it. */
export function isSignedRecord(value: unknown): value is SignedRecord {
  const { fleet, channel, serial, digest, keyIds, expiresMs, floor } = (value ?? {}) as Record<
    string,
    unknown
  >;
  return (
    [fleet, channel, digest].every(
      (text) => typeof text === "string" && /^[A-Za-z0-9._-]{1,253}$/.test(text),
    ) &&
    [serial, expiresMs, floor].every(Number.isSafeInteger) &&
    Array.isArray(keyIds) &&
    keyIds.every((id) => typeof id === "string" && /^[0-9a-f]{64}$/.test(id))
  );
}

/**
 * `serial 12 of prod/stable, signed by 12ab…, until 2026-07-01T00:00:00Z`; with the node's clock, also what that means
 * there.
 */
export function describeSigned(
  { fleet, channel, serial, keyIds, expiresMs }: SignedRecord,
  nowMs?: number,
): string {
  const isOver = nowMs !== undefined && nowMs >= expiresMs;
  const until = `${isOver ? "expired at" : "until"} ${time(expiresMs)}`;
  return `serial ${serial} of ${fleet}/${channel}, signed by ${shortIds(keyIds)}, ${until}`;
}

import type { VerifiedState } from "../core/signing/check-signed-state.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { PassContext } from "./pass-context.ts";
import type { Ports } from "./ports.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";
import { type SignedRecord, toSignedRecord } from "./signed-record.ts";

/** `fleet/channel` to the lowest serial that is still taken. */
export type SerialFloors = Readonly<Record<string, number>>;

/** What the state directory has of floors. */
export type StoredFloors = SerialFloors | "damaged";

const SCHEMA = "mirrorlet.serial-floors/v1";

export function encodeFloors(floors: SerialFloors, sha256: Ports["sha256"]): Uint8Array {
  return sealJson(SCHEMA, floors, sha256);
}

/** Undefined when it is damaged. */
export function decodeFloors(bytes: Uint8Array, sha256: Ports["sha256"]): SerialFloors | undefined {
  const floors = openSealedJson(SCHEMA, bytes, sha256);
  return isFloors(floors) ? floors : undefined;
}

/** Compared with anything but a number, no serial is below the floor. */
function isFloors(value: unknown): value is SerialFloors {
  return typeof value === "object" && value !== null && Object.values(value).every(Number.isSafeInteger);
}

/**
 * The lowest serial of a fleet's channel that is still taken; 0: any. The file and the record of what is in force each
 * hold it, and the higher one counts, so that losing one of them opens nothing. Undefined: the file is damaged and the
 * record knows nothing, so that a replay could not be told.
 */
export function floorOf(
  stored: StoredFloors,
  { signed }: Pick<ApplyRecord, "signed">,
  fleet: string,
  channel: string,
): number | undefined {
  const recorded = signed?.fleet === fleet && signed.channel === channel ? signed.floor : undefined;
  if (stored === "damaged") return recorded;
  const key = floorKey(fleet, channel);
  return Math.max(Object.hasOwn(stored, key) ? (stored[key] ?? 0) : 0, recorded ?? 0);
}

/**
 * What the record says of the signed state in force. Where the node is well on it, its floor is raised, durably, before
 * the record is written; it never falls.
 */
export async function recordSigned(
  verified: VerifiedState,
  isWell: boolean,
  record: Pick<ApplyRecord, "signed">,
  { state, ports }: Pick<PassContext, "state" | "ports">,
): Promise<SignedRecord> {
  const { fleet, channel, floorSerial } = verified.state;
  const stored = await state.loadFloors();
  const known = floorOf(stored, record, fleet, channel) ?? 0;
  const floor = isWell ? Math.max(known, floorSerial) : known;
  const floors = stored === "damaged" ? {} : stored;
  const key = floorKey(fleet, channel);
  if (isWell && floors[key] !== floor) {
    if (stored === "damaged")
      ports.log.warn({ floor }, "the floor of serials was damaged: made anew from the record");
    await state.saveFloors({ ...floors, [key]: floor });
    ports.log.info({ fleet, channel, floor }, "signed states below this serial are refused from now on");
  }
  return toSignedRecord(verified, floor);
}

// Neither name can hold a slash.
function floorKey(fleet: string, channel: string): string {
  return `${fleet}/${channel}`;
}

import { writeNodeStatus } from "../../core/fleet/read-node-status.ts";
import { writeStored } from "../../core/fleet/read-record.ts";
import type { RecordValues } from "./fleet-records.ts";
import type { RecordKind } from "./record-name.ts";

/** What `decodeRecord` reads back. */
export function encodeRecord<Kind extends RecordKind>(kind: Kind, value: RecordValues[Kind]): Uint8Array {
  if (kind === "status") return writeNodeStatus(value as RecordValues["status"]).bytes;
  return new TextEncoder().encode(writeStored(value));
}

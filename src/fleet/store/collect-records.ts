import { readMembers } from "../../core/fleet/channel.ts";
import type { NodeStatus } from "../../core/fleet/node-status.ts";
import type { Change, Entry } from "../engine/engine.ts";
import { decodeRecord } from "./decode-record.ts";
import type { BrokenRecord, FleetRecords, RecordValues, Stored } from "./fleet-records.ts";
import { nameOf, type RecordKind, type RecordName } from "./record-name.ts";

/** Records that follow the changes they are told of. */
export interface RecordCollection {
  readonly records: FleetRecords;
  /** Names of the records that this has changed; one of them that cannot be read any more is gone from the maps. */
  apply(changes: readonly Change[]): readonly RecordName[];
}

/** The status of a node that these bytes were made of, by whoever has written them and still knows. */
export type RecallStatus = (node: string, bytes: Uint8Array) => NodeStatus | undefined;

export function collectRecords(
  fleet: string,
  onBroken: (record: BrokenRecord) => void = () => undefined,
  recall: RecallStatus = () => undefined,
): RecordCollection {
  const maps = createMaps();
  const broken = new Map<string, BrokenRecord>();
  const set = (name: RecordName, entry: Entry): void => {
    const { key, value: bytes, createRevision, modRevision } = entry;
    const known = name.kind === "status" ? recall(name.id, bytes) : undefined;
    const decoded = known === undefined ? decodeRecord(name, bytes) : ({ ok: true, value: known } as const);
    if (decoded.ok) {
      broken.delete(key);
      maps[name.kind].set(name.id, { value: decoded.value, createRevision, modRevision });
      return;
    }
    const members = name.kind === "channel" ? readMembers(new TextDecoder().decode(bytes)) : undefined;
    const record = { name, key, message: decoded.message, modRevision, ...(members && { members }) };
    maps[name.kind].delete(name.id);
    broken.set(key, record);
    onBroken(record);
  };
  const applyOne = (change: Change): readonly RecordName[] => {
    const key = change.kind === "put" ? change.entry.key : change.key;
    const name = nameOf(fleet, key);
    if (name === undefined) return [];
    if (change.kind === "put") set(name, change.entry);
    else {
      broken.delete(key);
      maps[name.kind].delete(name.id);
    }
    return [name];
  };
  return {
    records: { ...maps, broken } as FleetRecords,
    apply: (changes) => changes.flatMap(applyOne),
  };
}

type AnyMap = Map<string, Stored<RecordValues[RecordKind]>>;

function createMaps(): Readonly<Record<RecordKind, AnyMap>> {
  return {
    channel: new Map(),
    spec: new Map(),
    state: new Map(),
    tokens: new Map(),
    status: new Map(),
    override: new Map(),
    inventory: new Map(),
    server: new Map(),
    controller: new Map(),
  };
}

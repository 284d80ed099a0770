import type { Channel } from "../../core/fleet/channel.ts";
import type { InventoryEntry } from "../../core/fleet/inventory.ts";
import type { NodeStatus } from "../../core/fleet/node-status.ts";
import type { Override } from "../../core/fleet/override.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../core/fleet/rollout-state.ts";
import type { TokenBlocks } from "../../core/fleet/share-tokens.ts";
import type { Selector } from "../../core/signing/selector.ts";
import type { ControllerRecord, ServerRecord } from "./process-records.ts";
import type { RecordKind, RecordName } from "./record-name.ts";

export interface RecordValues {
  readonly channel: Channel;
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
  readonly tokens: TokenBlocks;
  readonly status: NodeStatus;
  readonly override: Override;
  readonly inventory: InventoryEntry;
  readonly server: ServerRecord;
  readonly controller: ControllerRecord;
}

/** A record and the revisions that a transaction compares. */
export interface Stored<T> {
  readonly value: T;
  readonly createRevision: number;
  readonly modRevision: number;
}

/**
 * All records of a fleet that can be read, by their ids: `records.status.get("n1")`. At one revision: what was written in
 * one transaction is seen together.
 */
export type FleetRecords = {
  readonly [Kind in RecordKind]: ReadonlyMap<string, Stored<RecordValues[Kind]>>;
} & {
  /** Records that cannot be read, by their keys. They are in none of the maps. */
  readonly broken: ReadonlyMap<string, BrokenRecord>;
};

export interface BrokenRecord {
  readonly name: RecordName;
  readonly key: string;
  /** What is wrong, in a sentence. */
  readonly message: string;
  readonly modRevision: number;
  /** Of a channel: its nodes, where that can be read. */
  readonly members?: Selector;
}

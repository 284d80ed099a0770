import type { InventoryEntry } from "../../core/fleet/inventory.ts";
import type { Override } from "../../core/fleet/override.ts";
import { commit, guardOf, type RecordWrite, type WriteResult } from "./commit.ts";
import type { FleetRecords } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";

export function setOverride(store: FleetStore, node: string, value: Override): Promise<WriteResult> {
  return commit(store, [], [{ kind: "override", id: node, value }]);
}

export function clearOverride(store: FleetStore, node: string): Promise<WriteResult> {
  return commit(store, [], [{ remove: { kind: "override", id: node } }]);
}

/** Entries of the inventory; undefined takes one out. As many transactions as it needs, each repeatable. */
export async function writeInventory(
  store: FleetStore,
  entries: ReadonlyMap<string, InventoryEntry | undefined>,
): Promise<void> {
  const writes = [...entries].map(
    ([id, value]): RecordWrite =>
      value === undefined ? { remove: { kind: "inventory", id } } : { kind: "inventory", id, value },
  );
  for (let from = 0; from < writes.length; from += AT_ONCE)
    await commit(store, [], writes.slice(from, from + AT_ONCE));
}

const AT_ONCE = 100;

/** Everything that is known of a node that is no more. Not ok: something was heard of it since `records`. */
export function forgetNode(store: FleetStore, records: FleetRecords, node: string): Promise<WriteResult> {
  const of = (kind: "status" | "override" | "inventory") => ({ kind, id: node }) as const;
  return commit(
    store,
    [guardOf(store.fleet, records, of("status"))],
    [{ remove: of("status") }, { remove: of("override") }, { remove: of("inventory") }],
  );
}

import type { ReadResult } from "./problem.ts";
import { readStored } from "./read-record.ts";
import { readLabels } from "./read-selector.ts";

/** `inventory/<node>`: the labels that decide who is asked for what. A node's own word does not count for that. */
export interface InventoryEntry {
  readonly labels: Readonly<Record<string, string>>;
}

export function readInventory(text: string): ReadResult<InventoryEntry> {
  return readStored(text, "an entry of the inventory", (reader) => ({
    labels: readLabels(reader, "labels"),
  }));
}

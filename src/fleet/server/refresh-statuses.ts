import type { CallOptions } from "../engine/engine.ts";
import { decodeRecord } from "../store/decode-record.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import { keyOf } from "../store/record-name.ts";
import type { StatusBoard } from "./status-board.ts";

/** Asks the engine how the statuses of these nodes are now. Returns the revision it was asked at; rejects with EngineError. */
export async function refreshStatuses(
  { engine, fleet }: FleetStore,
  board: StatusBoard,
  nodes: readonly string[],
  options?: CallOptions,
): Promise<number> {
  const names = nodes.map((id) => ({ kind: "status", id }) as const);
  const success = names.map((name) => ({ kind: "get", key: keyOf(fleet, name) }) as const);
  const { gets, revision } = await engine.txn({ success }, options);
  for (const [index, name] of names.entries()) {
    const entry = gets[index];
    const decoded = entry && decodeRecord(name, entry.value);
    const status = decoded?.ok === true ? { status: decoded.value } : {};
    board.learn(name.id, { ...status, modRevision: entry?.modRevision ?? 0 });
  }
  return revision;
}

import type { CallOptions, Change } from "../engine/engine.ts";
import { collectRecords } from "./collect-records.ts";
import type { FleetRecords } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";
import { recordsPrefix } from "./record-name.ts";

/** All records as they are now. Rejects with EngineError. */
export async function readFleet({ engine, fleet }: FleetStore, options?: CallOptions): Promise<FleetRecords> {
  const { records, apply } = collectRecords(fleet);
  const { entries } = await engine.list(recordsPrefix(fleet), options);
  apply(entries.map((entry): Change => ({ kind: "put", entry })));
  return records;
}

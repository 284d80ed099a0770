import { commit, type Guard, unchanged, type WriteResult } from "./commit.ts";
import type { FleetRecords } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";
import type { ControllerRecord } from "./process-records.ts";
import { keyOf } from "./record-name.ts";

/** The controller's key, as the one that leads has made it. Who finds another one there leads no more. */
export interface Leadership {
  readonly createRevision: number;
  readonly lease: string;
}

/** Undefined: somebody else leads. */
export async function takeLead(
  store: FleetStore,
  value: ControllerRecord,
  lease: string,
): Promise<Leadership | undefined> {
  const free = unchanged("controller", "", undefined);
  const result = await commit(store, [free], [{ kind: "controller", id: "", value, lease }]);
  return result.ok ? { createRevision: result.revision, lease } : undefined;
}

/** Not ok: the lead is lost. */
export function writeBeat(
  store: FleetStore,
  leadership: Leadership,
  value: ControllerRecord,
): Promise<WriteResult> {
  const { lease } = leadership;
  return commit(store, [ledBy(leadership)], [{ kind: "controller", id: "", value, lease }]);
}

/** Somebody has the lead, also where the record cannot be read. */
export function isLed(fleet: string, { controller, broken }: FleetRecords): boolean {
  return controller.size > 0 || broken.has(keyOf(fleet, { kind: "controller", id: "" }));
}

/** Of every write of the controller. */
export function ledBy({ createRevision }: Leadership): Guard {
  return { name: { kind: "controller", id: "" }, createRevision };
}

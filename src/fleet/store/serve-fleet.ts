import { commit, type Guard, unchanged, type WriteResult } from "./commit.ts";
import type { FleetStore } from "./fleet-store.ts";
import type { ServerRecord } from "./process-records.ts";

/** A feed server's own key, as it has made it. Where that is gone, others count on it that it writes nothing more. */
export interface ServerSeat {
  readonly id: string;
  readonly createRevision: number;
}

/** Undefined: another server has this id. */
export async function takeSeat(
  store: FleetStore,
  id: string,
  value: ServerRecord,
  lease: string,
): Promise<ServerSeat | undefined> {
  const free = unchanged("server", id, undefined);
  const result = await commit(store, [free], [{ kind: "server", id, value, lease }]);
  return result.ok ? { id, createRevision: result.revision } : undefined;
}

/** Says something else of the server that has the seat. Not ok: it is gone. */
export function renewSeat(
  store: FleetStore,
  seat: ServerSeat,
  value: ServerRecord,
  lease: string,
): Promise<WriteResult> {
  return commit(store, [servedBy(seat)], [{ kind: "server", id: seat.id, value, lease }]);
}

/** Of every write of a feed server. */
export function servedBy({ id, createRevision }: ServerSeat): Guard {
  return { name: { kind: "server", id }, createRevision };
}

import type { Channel } from "../../core/fleet/channel.ts";
import { commit, guardOf, unchanged, type WriteResult } from "./commit.ts";
import type { FleetRecords, Stored } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";

/** `before` undefined: there is none yet. Also good for one that cannot be read. */
export function writeChannel(
  store: FleetStore,
  name: string,
  before: Pick<Stored<Channel>, "modRevision"> | undefined,
  value: Channel,
): Promise<WriteResult> {
  return commit(store, [unchanged("channel", name, before)], [{ kind: "channel", id: name, value }]);
}

/** As it is in `records`, readable or not; a rollout that begins meanwhile is in the way. */
export function removeChannel(store: FleetStore, records: FleetRecords, id: string): Promise<WriteResult> {
  const name = { kind: "channel", id } as const;
  return commit(store, [guardOf(store.fleet, records, name)], [{ remove: name }]);
}

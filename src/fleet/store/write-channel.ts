import type { Channel } from "../../core/fleet/channel.ts";
import { commit, unchanged, type WriteResult } from "./commit.ts";
import type { Stored } from "./fleet-records.ts";
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

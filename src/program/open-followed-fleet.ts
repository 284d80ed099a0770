import type { Log } from "../agent/ports.ts";
import type { FleetAccess } from "../core/feed-config/parse-feed-config.ts";
import { describeFleetNotice } from "../fleet/store/describe-notice.ts";
import type { FleetStore } from "../fleet/store/fleet-store.ts";
import { type FleetNotice, type FollowedFleet, followFleet } from "../fleet/store/follow-fleet.ts";
import { openFleetEngine } from "./open-fleet-engine.ts";

export interface OpenedFleet {
  readonly store: FleetStore;
  readonly followed: FollowedFleet;
  close(): Promise<void>;
}

/** The fleet's records, followed, with a log of what happens to them. A text: why they cannot be. */
export async function openFollowedFleet(
  access: FleetAccess,
  root: string,
  uptimeMs: () => number,
  log: Log,
): Promise<OpenedFleet | string> {
  const onNotice = (notice: FleetNotice): void => {
    const { level, message } = describeFleetNotice(notice);
    log[level]({}, message);
  };
  const engine = await openFleetEngine(access, { root, mayCreate: true, uptimeMs, onNotice });
  if (typeof engine === "string") return engine;
  const store = { engine, fleet: access.fleet };
  const followed = followFleet(store, { nowMs: uptimeMs, random: Math.random, onNotice });
  return {
    store,
    followed,
    async close() {
      await followed.close();
      await engine.close();
    },
  };
}

import type { Log } from "../agent/ports.ts";
import type { FleetAccess } from "../core/feed-config/parse-feed-config.ts";
import { parseEngineAddress } from "../fleet/engine/engine-address.ts";
import { openEngine } from "../fleet/engine/open-engine.ts";
import { describeFleetNotice } from "../fleet/store/describe-notice.ts";
import type { FleetStore } from "../fleet/store/fleet-store.ts";
import { type FleetNotice, type FollowedFleet, followFleet } from "../fleet/store/follow-fleet.ts";

export interface OpenedFleet {
  readonly store: FleetStore;
  readonly followed: FollowedFleet;
  close(): Promise<void>;
}

/** The fleet's records, followed. A text: why they cannot be; an engine that is down is waited for. */
export async function openFollowedFleet(
  { fleet, engine: text, access }: FleetAccess,
  uptimeMs: () => number,
  log: Log,
): Promise<OpenedFleet | string> {
  const parsed = parseEngineAddress(text);
  if (!parsed.ok) return parsed.message;
  const onNotice = (notice: FleetNotice): void => {
    const { level, message } = describeFleetNotice(notice);
    log[level]({}, message);
  };
  try {
    const clocks = { uptimeMs, random: Math.random, onNotice };
    const engine = await openEngine(parsed.address, access, clocks);
    const store = { engine, fleet };
    const followed = followFleet(store, { nowMs: uptimeMs, random: Math.random, onNotice });
    return {
      store,
      followed,
      async close() {
        await followed.close();
        await engine.close();
      },
    };
  } catch (error) {
    return `${text} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

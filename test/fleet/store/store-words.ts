import type { TestContext } from "node:test";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import {
  type FollowedFleet,
  type FollowFleetOptions,
  followFleet,
} from "../../../src/fleet/store/follow-fleet.ts";
import { atEnd, directoryOf } from "../../support/at-end.ts";
import { openJournal } from "../engine/open-engine.ts";

export async function journalStore(t: TestContext): Promise<FleetStore> {
  const engine = await openJournal({ directory: await directoryOf(t) });
  atEnd(t, () => engine.close());
  return { engine, fleet: "prod" };
}

export function follow(
  t: TestContext,
  store: FleetStore,
  options: Partial<FollowFleetOptions> = {},
): FollowedFleet {
  const followed = followFleet(store, {
    nowMs: () => performance.now(),
    random: Math.random,
    proveMs: 50,
    ...options,
  });
  atEnd(t, () => followed.close());
  return followed;
}

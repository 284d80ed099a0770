import type { Channel } from "../../../src/core/fleet/channel.ts";
import type { NodeStatus } from "../../../src/core/fleet/node-status.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import { commit, type RecordWrite } from "../../../src/fleet/store/commit.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import type { World } from "../../core/fleet/support/sim/world.ts";

const AT_ONCE = 100;

/**
 * Writes into a real engine what happens to a fleet in a box, tick by tick. `tick` resolves with how the rollout stands
 * when all that has changed is there.
 */
export async function playWorld(world: World, store: FleetStore): Promise<() => Promise<RolloutState>> {
  const { spec, agents } = world;
  let next = 0;
  const copy = async (): Promise<void> => {
    const changed = new Map<string, unknown>();
    for (; next < world.store.changes.length; next++) {
      const { key = "", value } = world.store.changes[next] ?? {};
      changed.set(key, value);
    }
    const writes = [...changed].flatMap(([key, value]) => toWrite(world, key, value) ?? []);
    for (let from = 0; from < writes.length; from += AT_ONCE)
      await commit(store, [], writes.slice(from, from + AT_ONCE));
  };
  const inventory = agents.map(
    ({ id, labels }): RecordWrite => ({ kind: "inventory", id, value: { labels } }),
  );
  for (let from = 0; from < inventory.length; from += AT_ONCE)
    await commit(store, [], inventory.slice(from, from + AT_ONCE));
  await commit(store, [], [{ kind: "spec", id: spec.id, value: spec }]);
  await copy();
  return async () => {
    world.tick();
    await copy();
    return world.state;
  };
}

function toWrite({ spec, nowMs }: World, key: string, value: unknown): RecordWrite | undefined {
  const [kind = "", id = ""] = key.split("/");
  const process = { version: "0.1.0", host: "box" };
  switch (kind) {
    case "state":
      return { kind: "state", id: spec.id, value: value as RolloutState };
    case "channel":
      return { kind: "channel", id: spec.channel, value: value as Channel };
    case "status":
      return { kind: "status", id, value: value as NodeStatus };
    case "servers":
      return value === undefined
        ? { remove: { kind: "server", id } }
        : { kind: "server", id, value: { ...process, startedMs: nowMs } };
    case "beat":
      return {
        kind: "controller",
        id: "",
        value: { ...process, id: "s1", sinceMs: 0, beat: value as number },
      };
    default:
      return undefined;
  }
}

import assert from "node:assert/strict";
import { commandRollout, type RolloutVerb } from "../../../../src/core/fleet/command-rollout.ts";
import type { RolloutSpec } from "../../../../src/core/fleet/rollout-spec.ts";
import { startRollout } from "../../../../src/core/fleet/start-rollout.ts";
import { startController } from "../../../../src/fleet/controller/start-controller.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../../src/fleet/store/read-fleet.ts";
import { beginRollout, commandState } from "../../../../src/fleet/store/write-rollout.ts";
import { sha256, specWith, wave } from "../../../core/fleet/support/fleet.ts";
import type { TestServer } from "./feed-words.ts";

const QUICK = {
  preflight: { nodes: "all", maxFailed: 0, reportByMs: 30_000 },
  spreadMs: 0,
  soakMs: 100,
  reportByMs: 30_000,
  waves: [
    wave({
      name: "canary",
      pick: { kind: "nodes", nodes: ["n0"] },
      maxInFlight: 1,
      bakeMs: 300,
      maxBakeMs: 60_000,
    }),
    wave({
      name: "rest",
      pick: { kind: "percent", percent: 100 },
      maxInFlight: 3,
      bakeMs: 300,
      maxBakeMs: 60_000,
    }),
  ],
} as const satisfies Partial<RolloutSpec>;

/** Begins `r1`, of NEW. */
export async function begin(store: FleetStore, changes: Partial<RolloutSpec> = {}): Promise<RolloutSpec> {
  const spec = specWith({ ...QUICK, createdMs: Date.now(), ...changes });
  const records = await readFleet(store);
  const channel = records.channel.get("stable");
  assert.ok(channel);
  const started = startRollout(spec, channel.value, [], Date.now());
  assert.ok(started.ok, JSON.stringify(started));
  assert.ok((await beginRollout(store, records, spec, started)).ok);
  return spec;
}

/** A controller on the records that the server follows. */
export function lead(store: FleetStore, server: TestServer) {
  return startController({
    store,
    followed: server.followed,
    self: { id: "c1", version: "1", host: "test" },
    nowMs: Date.now,
    uptimeMs: () => performance.now(),
    random: Math.random,
    sha256,
    pace: { leaseMs: 4_000, beatMs: 300, lookMs: 50, settleMs: 300 },
  });
}

export const stateOf = async (store: FleetStore) => (await readFleet(store)).state.get("r1")?.value;

export async function command(store: FleetStore, verb: RolloutVerb): Promise<void> {
  const { spec, state } = await readFleet(store);
  const [before, one] = [state.get("r1"), spec.get("r1")];
  assert.ok(before && one);
  const deed = { by: "ann", reason: "test", atMs: Date.now() };
  const result = commandRollout({ spec: one.value, state: before.value }, verb, deed);
  assert.ok(result.ok && (await commandState(store, "r1", before, result.state)).ok);
}

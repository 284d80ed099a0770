import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import type { ControllerStatus } from "../../../src/fleet/controller/controller-board.ts";
import { registerFleetMetrics } from "../../../src/fleet/metrics/register-fleet-metrics.ts";
import { commit } from "../../../src/fleet/store/commit.ts";
import { takeLead, writeBeat } from "../../../src/fleet/store/lead-fleet.ts";
import { keyOf } from "../../../src/fleet/store/record-name.ts";
import {
  channelWith,
  NEW,
  OLD,
  offerWith,
  sha256,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "../../core/fleet/support/fleet.ts";
import { eventually, put } from "../engine/engine-words.ts";
import { follow, journalStore } from "../store/store-words.ts";

test("the one that leads tells the fleet's figures, others what they know of its records", async (t) => {
  const store = await journalStore(t);
  const followed = follow(t, store);
  const server = { version: "1", host: "h", startedMs: T0 };
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "spec", id: "r0", value: specWith({ id: "r0" }) },
      { kind: "state", id: "r0", value: stateWith({ phase: "reverted" }) },
      { kind: "spec", id: "r1", value: specWith() },
      { kind: "state", id: "r1", value: stateWith() },
      { kind: "server", id: "s1", value: server },
      { kind: "inventory", id: "n9", value: { labels: {} } },
      {
        kind: "status",
        id: "n0",
        value: statusWith({ running: NEW, offer: offerWith({ phase: "applied" }) }),
      },
      { kind: "status", id: "n1", value: statusWith({ node: "n1", drifted: true }) },
    ],
  );
  await store.engine.txn({ success: [put(keyOf("prod", { kind: "spec", id: "r9" }), "broken")] });
  await eventually(() => followed.records.broken.size === 1, "all is seen");
  let status: ControllerStatus = {
    role: "leading",
    rounds: 7,
    conflicts: 2,
    failures: 1,
    waits: new Map([["r1", "wave"]]),
    doubts: new Map(),
    bugs: new Map(),
  };
  let uptimeMs = 0;
  const registry = new Registry();
  const source = { followed, nowMs: () => T0 + 10, uptimeMs: () => uptimeMs, sha256, endOf: () => T0 };
  registerFleetMetrics(registry, { ...source, controller: () => status });
  const page = await registry.metrics();
  for (const line of [
    "records_broken 1",
    "controller_beat_age_seconds +Inf",
    "controller_clock_off_seconds 0",
    "controller_leading 1",
    "servers 1",
    'channel_in_doubt{channel="stable"} 1',
    `channel_serial{channel="stable"} ${OLD.serial}`,
    `channel_expires_timestamp_seconds{channel="stable"} ${T0 / 1000}`,
    'rollout_phase{channel="stable",rollout="r1",phase="waves"} 1',
    'rollout_phase{channel="stable",rollout="r0",phase="reverted"} 1',
    'rollout_wave{channel="stable",rollout="r1"} 0',
    'rollout_waits{rollout="r1",for="wave"} 1',
    'rollout_nodes{rollout="r1",wave="canary",outcome="working"} 1',
    'nodes{connection="connected"} 2',
    'nodes{connection="unseen"} 1',
    `nodes_running{serial="${NEW.serial}",digest="${NEW.digest.slice(0, 12)}"} 1`,
    'nodes_different{kind="drifted"} 1',
    "controller_rounds_total 7",
    "controller_conflicts_total 2",
    "controller_failures_total 1",
    "engine_listings_total 1",
    "engine_repairs_total 0",
  ])
    assert.ok(page.split("\n").includes(`mirrorlet_fleet_${line}`), `${line} in:\n${page}`);
  status = { ...status, role: "standing-by", waits: new Map() };
  uptimeMs = 20_000;
  const other = await registry.metrics();
  assert.match(other, /^mirrorlet_fleet_controller_leading 0$/m);
  assert.match(other, /^mirrorlet_fleet_rollout_wave\{/m);
  assert.doesNotMatch(other, /^mirrorlet_fleet_(?:nodes|rollout_nodes|rollout_waits|nodes_different)\{/m);
});

test("how far this machine's clock is ahead of the controller's is told as it is now", async (t) => {
  const store = await journalStore(t);
  const lease = await store.engine.lease(60_000);
  const leader = { id: "c1", version: "1", host: "h", sinceMs: T0, beat: 0 };
  const leadership = await takeLead(store, leader, lease.id);
  assert.ok(leadership);
  const followed = follow(t, store, { nowMs: () => 1_000 });
  await followed.ready;
  await writeBeat(store, leadership, { ...leader, beat: 1, atMs: T0 });
  await eventually(() => followed.beatAgeMs() === 0, "a beat");
  let nowMs = T0 + 45_000;
  const registry = new Registry();
  registerFleetMetrics(registry, {
    followed,
    nowMs: () => nowMs,
    uptimeMs: () => 0,
    sha256,
    endOf: () => undefined,
  });
  assert.match(await registry.metrics(), /^mirrorlet_fleet_controller_clock_off_seconds 45$/m);
  nowMs -= 90_000;
  assert.match(await registry.metrics(), /^mirrorlet_fleet_controller_clock_off_seconds -45$/m);
});

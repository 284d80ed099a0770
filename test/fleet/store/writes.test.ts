import assert from "node:assert/strict";
import { test } from "node:test";
import { startRollout } from "../../../src/core/fleet/start-rollout.ts";
import { getBundle, listBundles, putBundle } from "../../../src/fleet/store/bundles.ts";
import { guardOf } from "../../../src/fleet/store/commit.ts";
import type { FleetRecords } from "../../../src/fleet/store/fleet-records.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { takeLead } from "../../../src/fleet/store/lead-fleet.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { keyOf } from "../../../src/fleet/store/record-name.ts";
import { servedBy, takeSeat } from "../../../src/fleet/store/serve-fleet.ts";
import { writeChannel } from "../../../src/fleet/store/write-channel.ts";
import {
  clearOverride,
  forgetNode,
  setOverride,
  writeInventory,
} from "../../../src/fleet/store/write-nodes.ts";
import {
  beginRollout,
  commandState,
  decideState,
  listPastRollouts,
  pruneRollout,
} from "../../../src/fleet/store/write-rollout.ts";
import { MOST_STATUSES, writeStatuses } from "../../../src/fleet/store/write-status.ts";
import { writeTokens } from "../../../src/fleet/store/write-tokens.ts";
import {
  channelWith,
  NEW,
  OTHER,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "../../core/fleet/support/fleet.ts";
import { bytes, put } from "../engine/engine-words.ts";
import { journalStore } from "./store-words.ts";

const SERVER = { version: "1", host: "h", startedMs: T0 };
const LEADER = { id: "c1", version: "1", host: "h", sinceMs: T0, beat: 0 };

test("a bundle is written once, for ever", async (t) => {
  const store = await journalStore(t);
  assert.equal(await putBundle(store, NEW.digest, bytes("envelope")), "stored");
  assert.equal(await putBundle(store, NEW.digest, bytes("envelope")), "same");
  assert.equal(await putBundle(store, NEW.digest, bytes("another")), "other");
  assert.deepEqual(await getBundle(store, NEW.digest), Buffer.from("envelope"));
  assert.equal(await getBundle(store, OTHER.digest), undefined);
  assert.deepEqual([...(await listBundles(store)).keys()], [NEW.digest]);
  await assert.rejects(putBundle(store, "../x", bytes("")), TypeError);
});

test("of two rollouts that start at once one gets through", async (t) => {
  const store = await journalStore(t);
  await writeChannel(store, "stable", undefined, channelWith());
  assert.deepEqual(await writeChannel(store, "stable", undefined, channelWith()), { ok: false });
  const records = await readFleet(store);
  const results = [];
  for (const id of ["r1", "r2"]) results.push(await begin(store, records, id));
  assert.deepEqual(
    results.map(({ ok }) => ok),
    [true, false],
  );
  assert.deepEqual([...(await readFleet(store)).state.keys()], ["r1"]);
  assert.deepEqual(await begin(store, await readFleet(store), "r1"), { ok: false }, "ids are used once");
});

test("a rollout supersedes another only as long as that is halted", async (t) => {
  const store = await journalStore(t);
  await writeChannel(store, "stable", undefined, channelWith());
  await begin(store, await readFleet(store), "r1");
  await change(store, "r1", { phase: "halted" });
  const halted = await readFleet(store);
  await change(store, "r1", { phase: "waves" });
  assert.deepEqual(await begin(store, halted, "r2", "r1"), { ok: false });
  await change(store, "r1", { phase: "halted" });
  assert.equal((await begin(store, await readFleet(store), "r2", "r1")).ok, true);
  assert.equal((await readFleet(store)).state.get("r1")?.value.phase, "superseded");
});

test("what the controller decides is written while it leads, and by what it decided from", async (t) => {
  const store = await journalStore(t);
  await writeChannel(store, "stable", undefined, channelWith());
  await begin(store, await readFleet(store), "r1");
  const lease = await store.engine.lease(60_000);
  const leadership = await takeLead(store, LEADER, lease.id);
  assert.ok(leadership);
  const decide = (records: FleetRecords, value = channelWith({ generation: 4 })) => {
    const before = records.state.get("r1");
    const channel = records.channel.get("stable");
    assert.ok(before && channel);
    const state = stateWith({ phase: "done", generation: 4 });
    const named = { name: "stable", before: channel, value };
    return decideState(store, leadership, { id: "r1", before, state, channel: named });
  };
  const early = await readFleet(store);
  await change(store, "r1", { phase: "halted" });
  assert.deepEqual(await decide(early), { ok: false }, "the state has changed");
  const before = await readFleet(store);
  await writeChannel(store, "stable", before.channel.get("stable"), channelWith());
  assert.deepEqual(await decide(before), { ok: false }, "the channel has changed");
  assert.equal((await decide(await readFleet(store))).ok, true);
  assert.equal((await readFleet(store)).channel.get("stable")?.value.generation, 4);
  const late = await readFleet(store);
  await lease.end();
  assert.deepEqual(await decide(late), { ok: false }, "it leads no more");
});

test("a rollout is taken out by who leads, as it was seen, and not under one that begins", async (t) => {
  const store = await journalStore(t);
  await putBundle(store, NEW.digest, bytes("envelope"));
  await writeChannel(store, "stable", undefined, channelWith());
  await begin(store, await readFleet(store), "r1");
  await change(store, "r1", { phase: "done" });
  const lease = await store.engine.lease(60_000);
  const leadership = await takeLead(store, LEADER, lease.id);
  assert.ok(leadership);
  const prune = (records: FleetRecords, id = "r1") =>
    pruneRollout(store, leadership, records, { id, channel: "stable", bundles: [NEW.digest] });
  const early = await readFleet(store);
  await change(store, "r1", { phase: "reverted" });
  assert.deepEqual(await prune(early), { ok: false }, "the state has changed");
  const before = await readFleet(store);
  await writeChannel(store, "stable", before.channel.get("stable"), channelWith());
  assert.deepEqual(await prune(before), { ok: false }, "the channel has changed");
  const seen = await readFleet(store);
  assert.equal((await prune(seen)).ok, true);
  assert.deepEqual(await begin(store, seen, "r2"), { ok: false }, "it would have brought what is gone");
  const after = await readFleet(store);
  assert.deepEqual([after.spec.size, after.state.size, (await listBundles(store)).size], [0, 0, 0]);
  assert.deepEqual(after.channel.get("stable")?.value, channelWith());
  assert.deepEqual(await begin(store, after, "r1"), { ok: false }, "its name is used once");
  assert.deepEqual([...(await listPastRollouts(store))], ["r1"]);
  assert.equal((await begin(store, after, "r2")).ok, true);
  const late = await readFleet(store);
  await lease.end();
  assert.deepEqual(await prune(late, "r2"), { ok: false }, "it leads no more");
});

test("a feed server writes statuses as long as it has its seat, all of a transaction or none", async (t) => {
  const store = await journalStore(t);
  const lease = await store.engine.lease(60_000);
  const seat = await takeSeat(store, "s1", SERVER, lease.id);
  assert.ok(seat);
  assert.equal(await takeSeat(store, "s1", SERVER, lease.id), undefined);
  await writeChannel(store, "stable", undefined, channelWith());
  await begin(store, await readFleet(store), "r1");
  const records = await readFleet(store);
  const writes = Array.from({ length: MOST_STATUSES }, (_, index) => ({
    status: statusWith({ node: `n${index}` }),
    modRevision: 0,
    guards: [guardOf("prod", records, { kind: "override", id: `n${index}` })],
  }));
  const guards = [
    guardOf("prod", records, { kind: "state", id: "r1" }),
    guardOf("prod", records, { kind: "channel", id: "stable" }),
  ];
  const first = await writeStatuses(store, seat, writes, guards);
  assert.ok(first.ok);
  assert.equal((await readFleet(store)).status.size, MOST_STATUSES);
  const [one] = writes;
  assert.ok(one);
  assert.deepEqual(await writeStatuses(store, seat, [one], guards), { ok: false }, "it is another by now");
  const again = { ...one, modRevision: first.revision };
  await setOverride(store, "n0", { reason: "x", by: "ann", atMs: T0 });
  assert.deepEqual(await writeStatuses(store, seat, [again], guards), { ok: false }, "pinned since");
  await clearOverride(store, "n0");
  await change(store, "r1", { phase: "halted" });
  assert.deepEqual(await writeStatuses(store, seat, [again], guards), { ok: false }, "halted since");
  const report = { status: statusWith({ node: "n0" }), modRevision: first.revision };
  assert.equal((await writeStatuses(store, seat, [report])).ok, true);
  const blocks = { blocks: [{ server: "s1", size: 2 }] };
  assert.equal((await writeTokens(store, "r1", undefined, blocks, [servedBy(seat)])).ok, true);
  await lease.end();
  assert.deepEqual(await writeTokens(store, "r1", undefined, blocks, [servedBy(seat)]), { ok: false });
  const late = { ...report, modRevision: (await readFleet(store)).status.get("n0")?.modRevision ?? 0 };
  assert.deepEqual(await writeStatuses(store, seat, [late]), { ok: false }, "its seat is gone");
});

test("an inventory of any size is written, and a node forgotten only as it was seen", async (t) => {
  const store = await journalStore(t);
  const nodes = Array.from({ length: 250 }, (_, index) => `n${index}`);
  await writeInventory(store, new Map(nodes.map((node) => [node, { labels: { class: "gpu" } }])));
  assert.equal((await readFleet(store)).inventory.size, 250);
  await writeInventory(store, new Map([["n1", undefined]]));
  assert.equal((await readFleet(store)).inventory.size, 249);
  const early = await readFleet(store);
  await store.engine.txn({ success: [put(keyOf("prod", { kind: "status", id: "n0" }), "not to be read")] });
  assert.deepEqual(await forgetNode(store, early, "n0"), { ok: false }, "it was heard of");
  const records = await readFleet(store);
  assert.equal(records.broken.size, 1);
  assert.equal((await forgetNode(store, records, "n0")).ok, true);
  const after = await readFleet(store);
  assert.equal(after.broken.size, 0);
  assert.equal(after.inventory.has("n0"), false);
});

async function begin(store: FleetStore, records: FleetRecords, id: string, supersedes?: string) {
  const stable = records.channel.get("stable");
  assert.ok(stable);
  const others = [...records.spec.values()].flatMap(({ value: spec }) => {
    const state = records.state.get(spec.id)?.value;
    return state ? [{ spec, state }] : [];
  });
  const spec = specWith({
    id,
    supersedes: supersedes === undefined ? [] : [{ id: supersedes, digest: NEW.digest }],
  });
  const started = startRollout(spec, stable.value, others, T0);
  // What another has begun in the meantime, the rules do not know.
  const result = started.ok ? started : ({ ok: true, state: stateWith(), superseded: [] } as const);
  return beginRollout(store, records, spec, result);
}

async function change(store: FleetStore, id: string, state: Parameters<typeof stateWith>[0]): Promise<void> {
  const before = (await readFleet(store)).state.get(id);
  assert.ok(before);
  assert.equal((await commandState(store, id, before, stateWith(state))).ok, true);
}

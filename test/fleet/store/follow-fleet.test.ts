import assert from "node:assert/strict";
import { test } from "node:test";
import { findChannel } from "../../../src/core/fleet/find-channel.ts";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import { commit } from "../../../src/fleet/store/commit.ts";
import type { FleetNotice } from "../../../src/fleet/store/follow-fleet.ts";
import { takeLead, writeBeat } from "../../../src/fleet/store/lead-fleet.ts";
import { listChannels } from "../../../src/fleet/store/list-channels.ts";
import { listNodes } from "../../../src/fleet/store/list-nodes.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { keyOf, type RecordName } from "../../../src/fleet/store/record-name.ts";
import { viewFleet } from "../../../src/fleet/store/view-fleet.ts";
import { channelWith, specWith, stateWith, statusWith, T0 } from "../../core/fleet/support/fleet.ts";
import { bytes, eventually } from "../engine/engine-words.ts";
import { follow, journalStore } from "./store-words.ts";

const LEADER = { id: "c1", version: "1", host: "h", sinceMs: T0, beat: 0 };

test("records are seen as they are written, those of one transaction together", async (t) => {
  const store = await journalStore(t);
  const seen: string[] = [];
  const followed = follow(t, store, {
    onChanges: (changed) => {
      const { channel, state } = followed.records;
      seen.push(`${changed.map(({ kind, id }) => `${kind} ${id}`)}: ${channel.size} ${state.size}`);
    },
  });
  await followed.ready;
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "spec", id: "r1", value: specWith() },
      { kind: "state", id: "r1", value: stateWith() },
    ],
  );
  await eventually(() => seen.length === 1, "seen");
  await commit(store, [], [{ kind: "status", id: "n0", value: statusWith() }]);
  await eventually(() => seen.length === 2, "seen");
  await commit(store, [], [{ kind: "inventory", id: "n1", value: { labels: { class: "gpu" } } }]);
  await eventually(() => followed.records.inventory.size === 1, "all is seen");
  assert.deepEqual(seen, ["channel stable,spec r1,state r1: 1 1", "status n0: 1 1", "inventory n1: 1 1"]);
  assert.deepEqual(followed.records.status.get("n0")?.value, statusWith());
  const [channel] = listChannels(followed.records);
  assert.deepEqual(channel, {
    name: "stable",
    channel: channelWith(),
    rollouts: [{ spec: specWith(), state: stateWith() }],
  });
  assert.deepEqual(listNodes(followed.records), [
    { id: "n1", labels: { class: "gpu" } },
    { id: "n0", labels: {}, status: statusWith() },
  ]);
  assert.deepEqual(await readFleet(store), followed.records);
});

test("a record that cannot be read is told once, left out, and is in doubt what it is about", async (t) => {
  const store = await journalStore(t);
  const broken: string[] = [];
  const onNotice = (notice: FleetNotice): void => {
    if (notice.kind === "broken-record") broken.push(`${notice.record.key}: ${notice.record.message}`);
  };
  const followed = follow(t, store, { onNotice, relistMs: 100 });
  const { records } = followed;
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "channel", id: "edge", value: channelWith({ members: { nodes: ["e1"] } }) },
      { kind: "spec", id: "r1", value: specWith() },
      { kind: "state", id: "r1", value: stateWith() },
      { kind: "status", id: "n0", value: statusWith() },
      { kind: "override", id: "n0", value: { reason: "x", by: "ann", atMs: T0 } },
    ],
  );
  await eventually(() => records.override.size === 1, "all is there");
  const write = (name: RecordName, text: string) =>
    store.engine.txn({ success: [{ kind: "put", key: keyOf("prod", name), value: bytes(text) }] });
  await write({ kind: "state", id: "r1" }, writeStored({ ...stateWith(), phase: "flying" }));
  await write({ kind: "status", id: "n0" }, writeStored(statusWith({ node: "n9" })));
  await write({ kind: "override", id: "n0" }, "nonsense");
  await eventually(() => records.broken.size === 3, "three are broken");
  const doubts = () => listChannels(records).map(({ name, doubt = "none" }) => `${name}: ${doubt}`);
  const [state] = broken;
  assert.match(state ?? "", /^\/mirrorlet\/prod\/records\/rollouts\/r1\/state: phase must be/);
  assert.deepEqual(doubts(), [`stable: ${state?.replace(": ", " cannot be read: ")}`, "edge: none"]);
  assert.equal(records.status.size + records.state.size + records.override.size, 0);
  assert.deepEqual([...viewFleet(records, { gone: new Map() }, 0, T0).overridden], ["n0"]);
  // A compare of all does not tell them again.
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(broken.length, 3);
  await commit(
    store,
    [],
    [{ kind: "state", id: "r1", value: stateWith() }, { remove: { kind: "override", id: "n0" } }],
  );
  await eventually(() => records.broken.size === 1, "mended");
  assert.deepEqual(doubts(), ["stable: none", "edge: none"]);
  await write({ kind: "spec", id: "r2" }, "{}");
  await eventually(() => records.broken.size === 2, "one whose channel is not known");
  assert.ok(doubts().every((doubt) => /rollouts\/r2\/spec/.test(doubt)));
});

test("a channel that cannot be read keeps its nodes, as far as they can be, and others go on", async (t) => {
  const store = await journalStore(t);
  const { records } = follow(t, store);
  const key = keyOf("prod", { kind: "channel", id: "edge" });
  await commit(
    store,
    [],
    [{ kind: "channel", id: "stable", value: channelWith({ members: { nodes: ["n1"] } }) }],
  );
  const edge = { ...channelWith({ members: { nodes: ["e1"] } }), stable: "none" };
  const found = (id: string) => {
    const channel = findChannel(listChannels(records), { id, labels: {} });
    return typeof channel === "string" ? channel : `${channel.name}${channel.doubt ? " in doubt" : ""}`;
  };
  await store.engine.txn({ success: [{ kind: "put", key, value: bytes(writeStored(edge)) }] });
  await eventually(() => records.broken.size === 1, "it is broken");
  assert.deepEqual([found("n1"), found("e1"), found("x")], ["stable", "edge in doubt", "none"]);
  await store.engine.txn({ success: [{ kind: "put", key, value: bytes("nonsense") }] });
  await eventually(() => !records.broken.get(key)?.members, "nothing of it can be read");
  assert.deepEqual([found("n1"), found("e1")], ["stable", "none"]);
  assert.deepEqual(
    listChannels(records).map(({ name, doubt }) => [name, doubt !== undefined]),
    [
      ["stable", false],
      ["edge", true],
    ],
  );
});

test("a feed server of a later version is there, and so are its nodes", async (t) => {
  const store = await journalStore(t);
  const later = writeStored({ version: "9", host: "h", startedMs: T0, says: "more" });
  const key = keyOf("prod", { kind: "server", id: "s9" });
  await store.engine.txn({ success: [{ kind: "put", key, value: bytes(later) }] });
  const on = (node: string, server: string) =>
    ({
      kind: "status",
      id: node,
      value: statusWith({ node, connection: { server, stream: 1, instance: "aa", sinceMs: T0 } }),
    }) as const;
  await commit(store, [], [on("n1", "s9"), on("n2", "s8")]);
  const { records } = follow(t, store);
  await eventually(() => records.status.size === 2, "all is there");
  assert.deepEqual([...viewFleet(records, { gone: new Map() }, 0, T0).gone.keys()], ["s8"]);
});

test("a rollout without its state leaves its channel in doubt", async (t) => {
  const store = await journalStore(t);
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "spec", id: "r1", value: specWith() },
    ],
  );
  assert.equal(listChannels(await readFleet(store))[0]?.doubt, "the rollout r1 has no state");
});

test("how far clocks are apart is told by a beat, and holds as both go on", async (t) => {
  const store = await journalStore(t);
  const lease = await store.engine.lease(60_000);
  const leadership = await takeLead(store, { ...LEADER, atMs: T0 }, lease.id);
  assert.ok(leadership);
  let nowMs = 1_000;
  const followed = follow(t, store, { nowMs: () => nowMs });
  await followed.ready;
  const wallMs = T0 + 3_600_000;
  assert.equal(followed.clockOffMs(wallMs), 0, "when the one was written that was there cannot be told");
  await writeBeat(store, leadership, { ...LEADER, beat: 1, atMs: T0 });
  await eventually(() => followed.clockOffMs(wallMs) === 3_600_000, "an hour ahead");
  nowMs += 2_000;
  assert.equal(followed.clockOffMs(wallMs + 2_000), 3_600_000);
  assert.equal(followed.clockOffMs(T0 + 2_000), 0, "put right, it is seen at once");
  await writeBeat(store, leadership, { ...LEADER, beat: 2 });
  await eventually(() => followed.clockOffMs(wallMs) === 0, "a controller that does not say");
  await writeBeat(store, leadership, { ...LEADER, beat: 3, atMs: T0 });
  await eventually(() => followed.clockOffMs(wallMs) === 3_600_000, "one that does");
  await lease.end();
  await eventually(() => followed.clockOffMs(wallMs) === 0, "nobody leads");
});

test("a beat counts once it is seen to change, and no longer than somebody leads", async (t) => {
  const store = await journalStore(t);
  const lease = await store.engine.lease(60_000);
  const leadership = await takeLead(store, LEADER, lease.id);
  assert.ok(leadership);
  assert.equal(await takeLead(store, { ...LEADER, id: "c2" }, lease.id), undefined);
  let nowMs = 1_000;
  const followed = follow(t, store, { nowMs: () => nowMs });
  await followed.ready;
  assert.equal(followed.records.controller.size, 1);
  assert.equal(followed.beatAgeMs(), Number.POSITIVE_INFINITY);
  nowMs = 5_000;
  await writeBeat(store, leadership, { ...LEADER, beat: 1 });
  await eventually(() => followed.beatAgeMs() === 0, "fresh");
  nowMs = 9_000;
  assert.equal(followed.beatAgeMs(), 4_000);
  await lease.end();
  await eventually(() => followed.beatAgeMs() === Number.POSITIVE_INFINITY, "nobody leads");
  const other = await store.engine.lease(60_000);
  const next = await takeLead(store, { ...LEADER, id: "c2" }, other.id);
  assert.ok(next);
  await eventually(() => followed.records.controller.get("")?.value.id === "c2", "another leads");
  assert.equal(followed.beatAgeMs(), Number.POSITIVE_INFINITY, "and has looked at nothing yet");
  await writeBeat(store, next, { ...LEADER, id: "c2", beat: 1 });
  await eventually(() => followed.beatAgeMs() === 0, "it has");
  assert.deepEqual(await writeBeat(store, leadership, { ...LEADER, beat: 2 }).catch(() => "lost"), {
    ok: false,
  });
});

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Change, Engine, EngineNotice } from "../../../src/fleet/engine/engine.ts";
import { type FollowedPrefix, followPrefix } from "../../../src/fleet/engine/follow-prefix.ts";
import type { JournalEngine } from "../../../src/fleet/engine/journal/journal-engine.ts";
import { scratch } from "../../host/scratch.ts";
import { startEtcd } from "../../support/etcd.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { eventually, put, remove, text } from "./engine-words.ts";
import { openEtcd, openJournal } from "./open-engine.ts";

const onEtcd = { timeout: 240_000, skip: partSkipReason("etcd") ?? false };

test("a followed prefix is what the engine has, and tells every change once", async (t) => {
  const engine = await journal(t);
  await engine.txn({ success: [put("f/a", "1"), put("f/b", "1"), put("g", "1")] });
  const { followed, told } = follow(t, engine);
  await followed.ready;
  assert.deepEqual(contents(followed), { "f/a": "1", "f/b": "1" });
  await engine.txn({ success: [put("f/c", "2"), remove("f/a"), put("g", "2")] });
  const { revision } = await engine.txn({ success: [put("f/b", "3")] });
  await eventually(() => followed.revision() >= revision, "it is told");
  assert.deepEqual(contents(followed), { "f/b": "3", "f/c": "2" });
  assert.deepEqual(told, ["f/a=1", "f/b=1", "f/c=2", "f/a-", "f/b=3"]);
  assert.deepEqual(followed.counts(), { listings: 1, repairs: 0 });
});

test("after a compaction it lists again and tells the difference", async (t) => {
  const engine = await journal(t);
  await engine.txn({ success: [put("f/a", "1"), put("f/b", "1")] });
  let hold = false;
  // Reaches the engine only after what it asks for is gone.
  const late: Engine = {
    ...engine,
    watch: async (prefix, options) => {
      await eventually(() => !hold, "let go");
      return engine.watch(prefix, options);
    },
  };
  hold = true;
  const { followed, told, notices } = follow(t, late);
  await followed.ready;
  await engine.txn({ success: [remove("f/a"), put("f/c", "2")] });
  const { revision } = await engine.txn({ success: [put("f/b", "2")] });
  await engine.compact(revision);
  hold = false;
  await eventually(() => followed.counts().listings === 2, "a second listing");
  assert.deepEqual(contents(followed), { "f/b": "2", "f/c": "2" });
  assert.deepEqual(told.slice(2), ["f/a-", "f/b=2", "f/c=2"]);
  assert.equal(followed.counts().repairs, 0);
  assert.ok(notices.some(({ kind }) => kind === "listed-anew"));
});

test("changes that an engine loses are made good for by the next listing, and counted", async (t) => {
  const engine = await journal(t);
  await engine.txn({ success: [put("f/a", "1"), put("f/b", "1")] });
  const lossy: Engine = {
    ...engine,
    watch: (prefix, options) =>
      engine.watch(prefix, { ...options, onChanges: (_, at) => options.onProgress?.(at) }),
  };
  const { followed, notices } = follow(t, lossy, { relistMs: 200 });
  await followed.ready;
  await engine.txn({ success: [put("f/a", "2"), remove("f/b"), put("f/c", "2")] });
  await eventually(() => followed.counts().repairs === 3, "three repairs");
  assert.deepEqual(contents(followed), { "f/a": "2", "f/c": "2" });
  assert.equal(followed.counts().listings, 1);
  assert.ok(notices.some((notice) => notice.kind === "repaired" && notice.changes === 3));
});

test("what changes while it lists and compares is no repair", async (t) => {
  const engine = await journal(t);
  const { followed } = follow(t, engine, { relistMs: 1, proveMs: 1 });
  await followed.ready;
  for (let index = 0; index < 300; index++)
    await engine.txn({ success: [put(`f/${index % 7}`, String(index)), remove(`f/${(index + 3) % 7}`)] });
  const { revision, entries } = await engine.list("f/");
  await eventually(() => followed.revision() >= revision, "it is told");
  assert.deepEqual(
    [...followed.entries.keys()].sort(),
    entries.map(({ key }) => key),
  );
  assert.deepEqual(followed.counts(), { listings: 1, repairs: 0 });
});

test("a watch that says nothing makes it old, whatever else the engine answers", async (t) => {
  const engine = await journal(t);
  let isStuck = false;
  const stuck: Engine = {
    ...engine,
    watch: (prefix, options) =>
      engine.watch(prefix, {
        ...options,
        onChanges: (changes, at) => (isStuck ? undefined : options.onChanges(changes, at)),
        onProgress: (at) => (isStuck ? undefined : options.onProgress?.(at)),
      }),
  };
  let nowMs = 0;
  const { followed } = follow(t, stuck, { nowMs: () => nowMs });
  await followed.ready;
  isStuck = true;
  await engine.txn({ success: [put("f/a", "1")] });
  await engine.txn({ success: [put("f/a", "2")] });
  nowMs = 5_000;
  const { revision } = await engine.list("f/");
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(followed.ageMs(), 5_000);
  assert.ok(followed.revision() < revision);
  // So long that it lists again by itself.
  nowMs = 30_000;
  await eventually(() => followed.counts().listings > 1, "it does not wait for ever");
  assert.equal(text(followed.entries.get("f/a")?.value ?? new Uint8Array()), "2");
});

test("a frozen etcd makes it old, and young again when it goes on", onEtcd, async (t) => {
  const etcd = await startEtcd();
  const [member] = etcd.members;
  assert.ok(member !== undefined);
  t.after(async () => {
    await member.kill("SIGCONT");
    await etcd.stop();
  });
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  t.after(() => engine.close());
  const { followed } = follow(t, engine, { proveMs: 200 });
  await followed.ready;
  await eventually(() => followed.ageMs() < 3_000, "young");
  await member.kill("SIGSTOP");
  await eventually(() => followed.ageMs() > 5_000, "old");
  await member.kill("SIGCONT");
  await eventually(() => followed.ageMs() < 3_000, "young again");
  await engine.txn({ success: [put("f/a", "1")] });
  await eventually(() => followed.entries.has("f/a"), "it goes on");
});

test("an etcd that was put back from the past is taken as it is now", onEtcd, async (t) => {
  const etcd = await startEtcd();
  t.after(etcd.stop);
  const [member] = etcd.members;
  assert.ok(member !== undefined);
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  t.after(() => engine.close());
  for (let index = 0; index < 20; index++) await engine.txn({ success: [put("f/old", String(index))] });
  const { followed, told } = follow(t, engine, { proveMs: 200 });
  await followed.ready;
  await member.kill("SIGKILL");
  await member.wipe();
  await member.start();
  await eventually(() => followed.entries.size === 0, "what is gone is gone here");
  await engine.txn({ success: [put("f/new", "1")] });
  await eventually(() => followed.entries.has("f/new"), "it goes on");
  assert.deepEqual(told, ["f/old=19", "f/old-", "f/new=1"]);
});

async function journal(t: TestContext): Promise<JournalEngine> {
  const engine = await openJournal({ directory: scratch(t) });
  t.after(() => engine.close());
  return engine;
}

interface Pace {
  readonly relistMs?: number;
  readonly proveMs?: number;
  readonly nowMs?: () => number;
}

function follow(t: TestContext, engine: Engine, pace: Pace = {}) {
  const told: string[] = [];
  const notices: EngineNotice[] = [];
  const followed = followPrefix(engine, "f/", {
    nowMs: () => performance.now(),
    random: Math.random,
    proveMs: 50,
    onChanges: (changes) => told.push(...changes.map(show)),
    onNotice: (notice) => notices.push(notice),
    ...pace,
  });
  t.after(() => followed.close());
  return { followed, told, notices };
}

function show(change: Change): string {
  return change.kind === "delete" ? `${change.key}-` : `${change.entry.key}=${text(change.entry.value)}`;
}

function contents({ entries }: FollowedPrefix): Readonly<Record<string, string>> {
  return Object.fromEntries([...entries].map(([key, { value }]) => [key, text(value)] as const).sort());
}

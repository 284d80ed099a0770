import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { Change, Compare, Engine, Operation, WatchEnd } from "../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import { ENGINE_LIMITS } from "../../../src/fleet/engine/engine-limits.ts";
import { bytes, eventually, get, put, remove, text } from "./engine-words.ts";
import type { FencingEngine } from "./fencing-driver.ts";

/** What the suite needs of an engine's surroundings. */
export interface EngineUnderTest {
  /** One more engine on the same store, as another process has it. */
  open(): Promise<Engine>;
  /** Drops the history up to the revision. */
  compact(revision: number): Promise<void>;
  /** How a process of its own opens it. */
  readonly elsewhere: FencingEngine;
  stop(): Promise<void>;
}

/** Long enough for a machine that has other things to do. */
const LEASE_MS = 4_000;

/** What `Engine` promises, held against a real one. Each test has keys of its own. */
export function testEngine(name: string, start: () => Promise<EngineUnderTest>, skip?: string): void {
  describe(`${name} is an engine`, skip === undefined ? {} : { skip }, () => {
    let under: EngineUnderTest;
    let engine: Engine;
    let other: Engine;
    before(async () => {
      under = await start();
      [engine, other] = [await under.open(), await under.open()];
    });
    after(async () => {
      await Promise.all([engine?.close(), other?.close()]);
      await under?.stop();
    });

    test("a listing has all keys of the prefix and no other, sorted, at one revision", async () => {
      await engine.txn({ success: [put("list/b", "2"), put("list/a", "1"), put("listless", "x")] });
      const { revision } = await engine.txn({ success: [put("list/c", "")] });
      const listing = await other.list("list/");
      assert.deepEqual(
        listing.entries.map(({ key, value }) => [key, text(value)]),
        [
          ["list/a", "1"],
          ["list/b", "2"],
          ["list/c", ""],
        ],
      );
      assert.equal(listing.revision, revision);
      assert.deepEqual((await other.list("list/nothing")).entries, []);
    });

    test("values are bytes, whatever they are, up to the limit and not beyond", async () => {
      const value = new Uint8Array(ENGINE_LIMITS.valueBytes).map((_, index) => (index * 7) % 256);
      await engine.txn({ success: [{ kind: "put", key: "bytes/a", value }] });
      const [entry] = (await other.list("bytes/")).entries;
      assert.deepEqual(Buffer.from(entry?.value ?? []), Buffer.from(value));
      const large = { kind: "put", key: "bytes/b", value: new Uint8Array(value.length + 1) } as const;
      await rejects(engine.txn({ success: [large] }), "bad-request");
    });

    test("a listing larger than any message comes whole", async () => {
      const value = new Uint8Array(ENGINE_LIMITS.valueBytes).fill(7);
      for (let index = 0; index < 120; index += 3)
        await engine.txn({
          success: [0, 1, 2].map((more) => ({ kind: "put", key: `large/${1000 + index + more}`, value })),
        });
      const { entries } = await other.list("large/", { timeoutMs: 30_000 });
      assert.equal(entries.length, 120);
      assert.ok(entries.every(({ value: { length } }) => length === value.length));
      await engine.txn({ success: entries.map(({ key }) => remove(key)) });
    });

    test("every comparison has to hold, or failure is done instead", async () => {
      const made = await engine.txn({ success: [put("cas/a", "1"), put("cas/b", "1")] });
      const holds: readonly Compare[] = [
        { key: "cas/a", createRevision: made.revision },
        { key: "cas/a", modRevision: made.revision },
        { key: "cas/b", value: bytes("1") },
        { key: "cas/absent", createRevision: 0 },
        { key: "cas/absent", modRevision: 0 },
      ];
      const fails: readonly Compare[] = [
        { key: "cas/a", createRevision: made.revision - 1 },
        { key: "cas/a", modRevision: 0 },
        { key: "cas/b", value: bytes("2") },
        { key: "cas/absent", createRevision: made.revision },
        { key: "cas/absent", value: bytes("") },
      ];
      const success = [get("cas/a")];
      const failure = [get("cas/b"), get("cas/absent")];
      const all = await other.txn({ compare: holds, success, failure });
      assert.ok(all.succeeded);
      assert.deepEqual(all.gets.map(textOf), ["1"]);
      for (const fail of fails) {
        const one = await other.txn({ compare: [...holds, fail], success, failure });
        assert.equal(one.succeeded, false, JSON.stringify(fail));
        assert.deepEqual(one.gets.map(textOf), ["1", undefined]);
        assert.equal(one.revision, all.revision, "nothing was changed");
      }
    });

    test("a key keeps its create revision until it is deleted, and each change has one revision", async () => {
      const first = await engine.txn({ success: [put("life/a", "1"), put("life/b", "1")] });
      const second = await engine.txn({ success: [put("life/a", "2")] });
      assert.equal(second.revision, first.revision + 1);
      const { entries } = await engine.list("life/");
      assert.deepEqual(
        entries.map(({ createRevision, modRevision }) => [createRevision, modRevision]),
        [
          [first.revision, second.revision],
          [first.revision, first.revision],
        ],
      );
      await engine.txn({ success: [remove("life/a")] });
      const third = await engine.txn({ success: [put("life/a", "3")] });
      const [again] = (await engine.list("life/a")).entries;
      assert.equal(again?.createRevision, third.revision);
      const idle = await engine.txn({ success: [remove("life/absent")] });
      assert.equal(idle.revision, third.revision, "deleting nothing changes nothing");
    });

    test("gets of a transaction see what it changed before them", async () => {
      const done = await engine.txn({ success: [get("self/a"), put("self/a", "new"), get("self/a")] });
      assert.deepEqual(done.gets.map(textOf), [undefined, "new"]);
      assert.equal(done.gets[1]?.modRevision, done.revision);
    });

    test("what no engine takes is refused, and nothing is changed", async () => {
      const twice = [put("bad/a", "1"), remove("bad/a")];
      const many = Array.from({ length: ENGINE_LIMITS.txnOperations + 1 }, (_, index) =>
        put(`bad/${index}`, ""),
      );
      const heavy = Array.from({ length: 4 }, (_, index): Operation => {
        return { kind: "put", key: `bad/${index}`, value: new Uint8Array(ENGINE_LIMITS.valueBytes) };
      });
      for (const success of [twice, many, heavy, [put("", "")], [put("bad/é", "")], [put("bad/\n", "")]])
        await rejects(engine.txn({ success }), "bad-request");
      await rejects(engine.list(""), "bad-request");
      await rejects(engine.lease(10), "bad-request");
      assert.deepEqual((await engine.list("bad/")).entries, []);
    });

    test("a watch tells every change after its revision once, in order, whole revisions", async () => {
      const { revision } = await engine.txn({ success: [put("watch/a", "0"), put("watchless", "")] });
      await engine.txn({ success: [put("watch/a", "1"), put("watch/b", "1"), put("watchless", "1")] });
      const watch = startWatch(other, "watch/", revision);
      await engine.txn({ success: [remove("watch/a"), put("watch/c", "2")] });
      const last = await engine.txn({ success: [put("watch/c", "3")] });
      await eventually(() => watch.changes.length >= 5, "five changes");
      assert.deepEqual(watch.batches.flat(), [
        `watch/a=1@${revision + 1}`,
        `watch/b=1@${revision + 1}`,
        `watch/a-@${revision + 2}`,
        `watch/c=2@${revision + 2}`,
        `watch/c=3@${revision + 3}`,
      ]);
      assert.equal(last.revision, revision + 3);
      assert.equal(watch.reached, last.revision);
      await watch.stop();
    });

    test("a watch tells how far it is while nothing changes below its prefix", async () => {
      const { revision } = await engine.txn({ success: [put("quiet/a", "0")] });
      const watch = startWatch(other, "quiet/", revision);
      const elsewhere = await engine.txn({ success: [put("noise/a", "0")] });
      await eventually(() => watch.reached >= elsewhere.revision, "progress");
      assert.deepEqual(watch.batches, []);
      await watch.stop();
    });

    test("a long history is caught up with whole", async () => {
      const { revision } = await engine.txn({ success: [put("long/start", "")] });
      const wanted: string[] = [];
      for (let index = 0; index < 2_500; index += 50) {
        await Promise.all(
          Array.from({ length: 50 }, (_, more) => engine.txn({ success: [put(`long/${index + more}`, "")] })),
        );
      }
      for (let index = 1; index <= 2_500; index++) wanted.push(String(revision + index));
      const watch = startWatch(other, "long/", revision);
      await eventually(() => watch.changes.length >= 2_500, "all of them");
      assert.deepEqual(
        watch.batches.flat().map((change) => change.split("@")[1]),
        wanted,
      );
      await watch.stop();
    });

    test("a watch from before the history that is left says so", async () => {
      const { revision } = await engine.txn({ success: [put("old/a", "0")] });
      await engine.txn({ success: [put("old/a", "1")] });
      const newest = await engine.txn({ success: [put("old/a", "2")] });
      await under.compact(newest.revision);
      const watch = startWatch(other, "old/", revision);
      assert.equal(await watch.ended, "compacted");
      assert.deepEqual(watch.batches, []);
      const resumed = startWatch(other, "old/", newest.revision);
      await engine.txn({ success: [put("old/a", "3")] });
      await eventually(() => resumed.changes.length === 1, "the change after it");
      await resumed.stop();
    });

    test("what is under a lease stays as long as its holder does, and goes when it ends it", async () => {
      const lease = await engine.lease(LEASE_MS);
      const made = await engine.txn({
        success: [
          put("lease/a", "1", lease.id),
          put("lease/b", "1", lease.id),
          put("lease/c", "1", lease.id),
        ],
      });
      await engine.txn({ success: [put("lease/b", "2")] });
      const watch = startWatch(other, "lease/", made.revision);
      await new Promise((resolve) => setTimeout(resolve, LEASE_MS * 1.5));
      assert.equal((await other.list("lease/")).entries.length, 3);
      assert.equal(lease.lost.aborted, false);
      await lease.end();
      await eventually(() => watch.changes.length >= 3, "two deletions");
      const [, gone] = [watch.batches[0], watch.batches[1]?.map((change) => change.split("@")[0])];
      assert.deepEqual(gone?.toSorted(), ["lease/a-", "lease/c-"]);
      assert.deepEqual(
        (await other.list("lease/")).entries.map(({ value }) => text(value)),
        ["2"],
      );
      await rejects(engine.txn({ success: [put("lease/d", "1", lease.id)] }), "lease-lost");
      await watch.stop();
    });

    test("what is under a lease goes some time after its holder is gone, and the holder is told", async (t) => {
      const third = await under.open();
      t.after(() => third.close());
      const lease = await third.lease(LEASE_MS);
      await third.txn({ success: [put("gone/a", "1", lease.id)] });
      await third.close();
      await eventually(() => lease.lost.aborted, "the holder knows");
      await eventually(async () => (await engine.list("gone/")).entries.length === 0, "it is gone");
    });

    test("its age grows until it is asked", async (t) => {
      const third = await under.open();
      t.after(() => third.close());
      assert.equal(third.ageMs(), Number.POSITIVE_INFINITY);
      await third.list("age/");
      const young = third.ageMs();
      assert.ok(young >= 0 && young < 60_000);
      await eventually(() => third.ageMs() > young + 20, "it grows");
      await third.txn({ success: [get("age/a")] });
    });

    test("calls end when they are aborted or the engine is closed", async (t) => {
      const third = await under.open();
      t.after(() => third.close());
      const signal = AbortSignal.abort();
      await rejects(third.list("end/", { signal }), "aborted");
      await rejects(third.txn({ success: [put("end/a", "")] }, { signal }), "aborted");
      const watch = startWatch(third, "end/", (await third.list("end/")).revision);
      await third.close();
      assert.equal(await watch.ended, "aborted");
      await rejects(third.list("end/"), "aborted");
      assert.deepEqual((await engine.list("end/")).entries, []);
    });

    test("processes that compare before they write lose nothing of each other's", {
      timeout: 120_000,
    }, async () => {
      const { revision } = await engine.txn({ success: [put("fence/count", "0")] });
      const watch = startWatch(other, "fence/", revision);
      const [processes, rounds] = [3, 20];
      await Promise.all(
        Array.from({ length: processes }, () => countElsewhere(under.elsewhere, "fence/count", rounds)),
      );
      const total = processes * rounds;
      await eventually(() => watch.changes.length >= total, "all changes");
      assert.deepEqual(
        watch.batches.flat().map((change) => change.split("@")[0]),
        Array.from({ length: total }, (_, index) => `fence/count=${index + 1}`),
      );
      await watch.stop();
    });
  });
}

function startWatch(engine: Engine, prefix: string, afterRevision: number) {
  const stopping = new AbortController();
  const watch = {
    /** Every change, as the test's eyes want it; a batch each time the engine told some. */
    batches: [] as string[][],
    get changes(): readonly string[] {
      return watch.batches.flat();
    },
    reached: afterRevision,
    ended: undefined as unknown as Promise<WatchEnd>,
    async stop() {
      stopping.abort();
      assert.equal(await watch.ended, "aborted");
    },
  };
  watch.ended = engine.watch(prefix, {
    after: afterRevision,
    signal: stopping.signal,
    onChanges(changes, revision) {
      watch.batches.push(changes.map(show));
      assert.ok(revision >= watch.reached);
      watch.reached = revision;
    },
    onProgress(revision) {
      assert.ok(revision >= watch.reached);
      watch.reached = revision;
    },
  });
  return watch;
}

function show(change: Change): string {
  if (change.kind === "delete") return `${change.key}-@${change.modRevision}`;
  const { key, value, modRevision } = change.entry;
  return `${key}=${text(value)}@${modRevision}`;
}

function textOf(entry: { readonly value: Uint8Array } | undefined): string | undefined {
  return entry === undefined ? undefined : text(entry.value);
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(
    promise,
    (error) => error instanceof EngineError && error.code === code && error.applied === "no",
  );
}

async function countElsewhere(engine: FencingEngine, key: string, rounds: number): Promise<void> {
  const driver = join(import.meta.dirname, "fencing-driver.ts");
  const args = ["--import", "tsx", driver, JSON.stringify({ engine, key, rounds })];
  await promisify(execFile)(process.execPath, args, { timeout: 100_000 });
}

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Engine, EngineNotice } from "../../../../src/fleet/engine/engine.ts";
import { type LabEtcd, startEtcd } from "../../../support/etcd.ts";
import { partSkipReason } from "../../../support/lab-parts.ts";
import { eventually, put } from "../engine-words.ts";
import { openEtcd } from "../open-engine.ts";
import { startWatchProxy, type WatchProxy } from "./watch-proxy.ts";

const options = { timeout: 240_000, skip: partSkipReason("etcd") ?? false };

test(
  "a watch that breaks between created and catch-up, again and again, loses nothing",
  options,
  async (t) => {
    const { writer, watcher, proxy } = await behindProxy(t);
    const { revision } = await writer.txn({ success: [put("t1/0", "")] });
    const seen = await watchKeys(t, watcher, "t1/", revision);
    await writer.txn({ success: [put("t1/1", "")] });
    await eventually(() => seen.keys.length === 1, "the first");
    proxy.cut();
    for (let index = 2; index <= 6; index++) await writer.txn({ success: [put(`t1/${index}`, "")] });
    proxy.cutBeforeCatchUp(3);
    proxy.open();
    for (let round = 0; round < 3; round++) {
      await eventually(() => proxy.cuts() > round, "a stream that saw only created");
      for (const more of [1, 2]) await writer.txn({ success: [put(`t1/${5 + 2 * round + more + 1}`, "")] });
    }
    await eventually(() => seen.keys.includes("t1/12"), "the last");
    assert.deepEqual(
      seen.keys,
      Array.from({ length: 12 }, (_, index) => `t1/${index + 1}`),
    );
    assert.equal(seen.end, undefined);
  },
);

test("the same with more to catch up with than fits into one batch of etcd's", options, async (t) => {
  const { writer, watcher, proxy } = await behindProxy(t);
  const { revision } = await writer.txn({ success: [put("t1/start", "")] });
  const seen = await watchKeys(t, watcher, "t1/", revision);
  proxy.cut();
  const total = 2_500;
  for (let done = 0; done < total; done += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, more) => writer.txn({ success: [put(`t1/${done + more}`, "")] })),
    );
  proxy.open();
  // In the middle of catching up.
  await eventually(() => seen.keys.length > 0, "a first batch");
  proxy.cut();
  proxy.open();
  await eventually(() => seen.keys.length >= total, "all of them");
  assert.equal(new Set(seen.keys).size, total);
  assert.equal(seen.keys.length, total);
});

test(
  "a compaction while it is cut off ends a watch with just that, and a new one goes on",
  options,
  async (t) => {
    const { etcd, writer, watcher, proxy } = await behindProxy(t);
    const { revision } = await writer.txn({ success: [put("t2/0", "")] });
    const seen = await watchKeys(t, watcher, "t2/", revision);
    proxy.cut();
    await writer.txn({ success: [put("t2/1", "")] });
    const newest = await writer.txn({ success: [put("t2/2", "")] });
    await etcd.compact(newest.revision);
    proxy.open();
    await eventually(() => seen.end === "compacted", "the end of the watch");
    assert.deepEqual(seen.keys, []);
    const listing = await watcher.list("t2/");
    assert.equal(listing.entries.length, 3);
    const resumed = await watchKeys(t, watcher, "t2/", listing.revision);
    await writer.txn({ success: [put("t2/3", "")] });
    await eventually(() => resumed.keys.length === 1, "what came after");
  },
);

test("a frozen etcd is noticed, and the watch goes on without it", options, async (t) => {
  const etcd = await startEtcd({ members: 3 });
  const leader = await etcd.leader();
  t.after(async () => {
    await leader?.kill("SIGCONT");
    await etcd.stop();
  });
  assert.ok(leader !== undefined);
  const others = etcd.members.filter((member) => member !== leader).map(({ endpoint }) => endpoint);
  const notices: EngineNotice[] = [];
  const endpoints = [leader.endpoint, ...others];
  const watcher = await openEtcd({ endpoints, onNotice: (notice) => notices.push(notice) });
  t.after(() => watcher.close());
  const writer = await openEtcd({ endpoints: others });
  t.after(() => writer.close());
  const { revision } = await watcher.txn({ success: [put("t4/0", "")] });
  const seen = await watchKeys(t, watcher, "t4/", revision);
  await writer.txn({ success: [put("t4/1", "")] });
  await eventually(() => seen.keys.length === 1, "a watch at the leader");
  await leader.kill("SIGSTOP");
  const stoppedMs = performance.now();
  const aged = watcher.ageMs();
  await eventually(() => watcher.ageMs() > aged + 100, "its age tells");
  await eventually(async () => {
    // An election takes a while.
    const done = await writer
      .txn({ success: [put("t4/2", "")] }, { timeoutMs: 2_000 })
      .catch(() => undefined);
    return done !== undefined;
  }, "a new leader");
  await eventually(() => seen.keys.includes("t4/2"), "the watch at another member");
  t.diagnostic(`the watch went on ${Math.round(performance.now() - stoppedMs)} ms after etcd was stopped`);
  assert.equal((await watcher.list("t4/")).entries.length, 3);
  assert.ok(notices.some((notice) => notice.kind === "reconnect" && notice.endpoint === leader.endpoint));
});

async function behindProxy(t: TestContext): Promise<{
  etcd: LabEtcd;
  proxy: WatchProxy;
  writer: Engine;
  watcher: Engine;
}> {
  const etcd = await startEtcd();
  t.after(etcd.stop);
  const proxy = await startWatchProxy(etcd.endpoints[0] ?? "");
  t.after(proxy.close);
  const writer = await openEtcd({ endpoints: etcd.endpoints });
  t.after(() => writer.close());
  const watcher = await openEtcd({ endpoints: [proxy.endpoint] });
  t.after(() => watcher.close());
  return { etcd, proxy, writer, watcher };
}

/** The keys a watch tells of, in order; resolves when the watch is under way. */
async function watchKeys(t: TestContext, engine: Engine, prefix: string, revision: number) {
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const seen = { keys: [] as string[], end: undefined as string | undefined };
  let isUnderWay = false;
  void engine
    .watch(prefix, {
      after: revision,
      signal: stopping.signal,
      onChanges: (changes) => {
        seen.keys.push(...changes.map((change) => (change.kind === "put" ? change.entry.key : change.key)));
      },
      onProgress: () => {
        isUnderWay = true;
      },
    })
    .then((end) => {
      seen.end = end;
    });
  await eventually(() => isUnderWay, "progress");
  return seen;
}

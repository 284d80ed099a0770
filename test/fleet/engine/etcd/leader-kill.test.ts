import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../../src/fleet/engine/engine-error.ts";
import { startEtcd } from "../../../support/etcd.ts";
import { partSkipReason } from "../../../support/lab-parts.ts";
import { eventually, put } from "../engine-words.ts";
import { openEtcd } from "../open-engine.ts";

const options = { timeout: 300_000, skip: partSkipReason("etcd") ?? false };

test(
  "a cluster whose leader is killed three times under a writer loses and repeats nothing",
  options,
  async (t) => {
    const etcd = await startEtcd({ members: 3 });
    t.after(etcd.stop);
    const writer = await openEtcd({ endpoints: etcd.endpoints });
    t.after(() => writer.close());
    const watcher = await openEtcd({ endpoints: etcd.endpoints.toReversed() });
    t.after(() => watcher.close());
    const { revision } = await writer.list("t3/");
    const stopping = new AbortController();
    t.after(() => stopping.abort());
    const seen: { key: string; revision: number }[] = [];
    void watcher.watch("t3/", {
      after: revision,
      signal: stopping.signal,
      onChanges(changes) {
        for (const change of changes)
          if (change.kind === "put") seen.push({ key: change.entry.key, revision: change.entry.modRevision });
      },
    });
    const writing = writeAlong(writer, stopping.signal);
    for (let round = 0; round < 3; round++) {
      const before = writing.acknowledged.size;
      await eventually(() => writing.acknowledged.size > before + 50, "writes go on");
      const leader = await etcd.leader();
      assert.ok(leader !== undefined);
      await leader.kill("SIGKILL");
      const atDeath = writing.acknowledged.size;
      await eventually(() => writing.acknowledged.size > atDeath + 50, "writes go on without it");
      await leader.start();
    }
    stopping.signal.throwIfAborted();
    writing.stop();
    await writing.ended;
    const last = [...writing.acknowledged.keys()].at(-1);
    await eventually(() => seen.some(({ key }) => key === last), "the watch sees the last");
    const told = new Map(seen.map(({ key, revision: at }) => [key, at]));
    t.diagnostic(
      `${writing.acknowledged.size} acknowledged, ${writing.unknown} unknown, ${seen.length} seen`,
    );
    for (const [key, at] of writing.acknowledged) assert.equal(told.get(key), at, `${key} was acknowledged`);
    assert.equal(told.size, seen.length, "none twice");
    assert.deepEqual(
      seen.map(({ revision: at }) => at),
      seen.map(({ revision: at }) => at).toSorted((a, b) => a - b),
    );
    assert.equal((await watcher.list("t3/")).entries.length, seen.length);
  },
);

/** Each key is written once; what is not known to be done stays so. */
function writeAlong(engine: Engine, signal: AbortSignal) {
  const acknowledged = new Map<string, number>();
  let isStopped = false;
  const writing = {
    acknowledged,
    unknown: 0,
    stop: () => {
      isStopped = true;
    },
    ended: Promise.resolve(),
  };
  const write = async (): Promise<void> => {
    for (let index = 0; !isStopped && !signal.aborted; index++) {
      const key = `t3/${String(index).padStart(6, "0")}`;
      try {
        acknowledged.set(key, (await engine.txn({ success: [put(key, "")] }, { timeoutMs: 3_000 })).revision);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (error.applied === "unknown") writing.unknown++;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  writing.ended = write();
  return writing;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine, Txn } from "../../../src/fleet/engine/engine.ts";
import { bundleKey } from "../../../src/fleet/store/record-name.ts";
import { writeChannel } from "../../../src/fleet/store/write-channel.ts";
import { channelWith, NEW, OLD } from "../../core/fleet/support/fleet.ts";
import { scratch } from "../../host/scratch.ts";
import { eventually } from "../engine/engine-words.ts";
import { openJournal } from "../engine/open-engine.ts";
import { connectNode } from "./support/feed-node.ts";
import { envelopeOf, testFleet, writeTestChannel } from "./support/feed-words.ts";

/** An engine that notes which envelopes it is asked for, and that never answers for `silent`. */
async function watchedEngine(directory: string, silent: string[] = []) {
  const engine = await openJournal({ directory });
  const asked: string[] = [];
  const txn: Engine["txn"] = (one: Txn, options) => {
    const digest = [OLD, NEW]
      .map(({ digest }) => digest)
      .find((digest) =>
        one.success.some(({ kind, key }) => kind === "get" && key === bundleKey("prod", digest)),
      );
    if (digest !== undefined) asked.push(digest);
    return digest !== undefined && silent.includes(digest)
      ? new Promise(() => undefined)
      : engine.txn(one, options);
  };
  return { engine: { ...engine, txn, close: () => engine.close() }, asked };
}

test("an envelope is asked for once, however many nodes wait for it", async (t) => {
  const { engine, asked } = await watchedEngine(scratch(t));
  t.after(() => engine.close());
  const fleet = await testFleet(t, { engine, fleet: "prod" });
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const ids = ["n1", "n2", "n3"];
  const nodes = await Promise.all(ids.map((id) => connectNode(t, fleet, server.port, id, { running: OLD })));
  await eventually(() => server.facts().streams === ids.length, "they are there");
  const before = server.followed.records.channel.get("stable");
  await writeChannel(fleet.store, "stable", before, channelWith({ stable: NEW, generation: 4 }));
  for (const node of nodes) {
    await node.until(({ assignments }) => assignments.length > 0, "it is told");
    assert.deepEqual(node.assignments[0]?.envelope, envelopeOf("new"));
  }
  assert.deepEqual(asked, [NEW.digest]);
});

test("one that does not come keeps nobody else waiting", async (t) => {
  const { engine, asked } = await watchedEngine(scratch(t), [NEW.digest]);
  t.after(() => engine.close());
  const fleet = await testFleet(t, { engine, fleet: "prod" });
  await writeTestChannel(fleet.store, { stable: undefined as never, generation: 0 });
  const server = await fleet.serve();
  const waiting = await connectNode(t, fleet, server.port, "n2");
  const node = await connectNode(t, fleet, server.port, "n1");
  await eventually(() => server.facts().streams === 2, "they are there");
  const before = server.followed.records.channel.get("stable");
  const scoped = [{ ...NEW, scope: { nodes: ["n2"] } }];
  await writeChannel(fleet.store, "stable", before, channelWith({ stable: OLD, scoped, generation: 1 }));
  await node.until(({ assignments }) => assignments.length > 0, "it is told what there is");
  assert.deepEqual(node.assignments[0]?.envelope, envelopeOf("old"));
  await eventually(() => asked.includes(NEW.digest), "the other is asked for");
  assert.deepEqual(waiting.assignments, []);
});

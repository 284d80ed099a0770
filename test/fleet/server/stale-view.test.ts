import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../../../src/fleet/store/write-channel.ts";
import { setOverride } from "../../../src/fleet/store/write-nodes.ts";
import { channelWith, NEW, OLD, wave } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode, type FeedNode } from "./support/feed-node.ts";
import { type TestServer, testFleet, writeTestChannel } from "./support/feed-words.ts";
import { begin, command, lead, stateOf } from "./support/rollout-words.ts";

/** The same engine, of which nothing is heard for a while but answers: as for a server that was stopped, and wakes up. */
function behind(engine: Engine) {
  const missed: (() => void)[] = [];
  const self = {
    isBehind: false,
    /** Once, when tokens have been granted, before the server hears of it. */
    async onTokens(): Promise<void> {},
    catchUp(): void {
      self.isBehind = false;
      for (const tell of missed.splice(0)) tell();
    },
    engine: {
      ...engine,
      async txn(...input: Parameters<Engine["txn"]>) {
        const answer = await engine.txn(...input);
        const grants = input[0].success.some(({ kind, key }) => kind === "put" && key.endsWith("/tokens"));
        if (grants && answer.succeeded) await self.onTokens();
        return answer;
      },
      watch: (prefix: string, options: Parameters<Engine["watch"]>[1]) =>
        engine.watch(prefix, {
          ...options,
          onChanges: (...told) =>
            self.isBehind ? void missed.push(() => options.onChanges(...told)) : options.onChanges(...told),
          onProgress: (revision) => void (self.isBehind || options.onProgress?.(revision)),
        }),
    },
  };
  return self;
}

const hasTried = (server: TestServer, { assignments }: FeedNode): boolean =>
  assignments.length > 0 ||
  server.events.some((event) => event.kind === "status-write" && event.outcome === "conflict");

test("what was halted is told to nobody by a server that has not heard of it, though it has a token", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const view = behind(fleet.store.engine);
  const right = await fleet.serve();
  const late = await fleet.serve({ store: { ...fleet.store, engine: view.engine } });
  const controller = lead(fleet.store, right);
  t.after(() => controller.stop());
  await eventually(() => Number.isFinite(late.facts().beatAgeMs), "a beat");
  view.onTokens = async () => {
    view.onTokens = async () => {};
    view.isBehind = true;
    await command(fleet.store, "halt");
  };
  const node = await connectNode(t, fleet, late.port, "n1", { running: OLD });
  const preflight = { nodes: "none", maxFailed: 0, reportByMs: 0 } as const;
  const waves = [wave({ pick: { kind: "percent", percent: 100 } })];
  await begin(fleet.store, { preflight, waves });
  await eventually(() => hasTried(late, node), "it tries");
  assert.equal((await stateOf(fleet.store))?.phase, "halted");
  assert.equal(late.followed.records.state.get("r1")?.value.phase, "waves");
  assert.deepEqual(node.assignments, []);
  view.catchUp();
  const seq = node.report("", "PHASE_UNSPECIFIED");
  await node.until(({ acked }) => acked() >= seq, "it is heard");
  assert.deepEqual(node.assignments, []);
  await controller.stop();
});

test("what is not stable any more is told to nobody by a server that has not heard of it", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const view = behind(fleet.store.engine);
  const server = await fleet.serve({ store: { ...fleet.store, engine: view.engine } });
  view.isBehind = true;
  const before = (await readFleet(fleet.store)).channel.get("stable");
  await writeChannel(fleet.store, "stable", before, channelWith({ stable: NEW, generation: 4 }));
  const node = await connectNode(t, fleet, server.port, "n1");
  await eventually(() => hasTried(server, node), "it tries");
  assert.deepEqual(node.assignments, []);
  view.catchUp();
  await node.until(({ running }) => running()?.digest === NEW.digest, "it is told what is stable");
  assert.equal(node.assignments.length, 1);
});

test("a node that was pinned is told nothing else by a server that has not heard of it", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const view = behind(fleet.store.engine);
  const server = await fleet.serve({ store: { ...fleet.store, engine: view.engine } });
  view.isBehind = true;
  await setOverride(fleet.store, "n1", { bundle: NEW, reason: "test", by: "ann", atMs: 1 });
  const node = await connectNode(t, fleet, server.port, "n1");
  await eventually(() => hasTried(server, node), "it tries");
  assert.deepEqual(node.assignments, []);
  view.catchUp();
  await node.until(({ running }) => running()?.digest === NEW.digest, "it is told its pin");
  assert.equal(node.assignments.length, 1);
});

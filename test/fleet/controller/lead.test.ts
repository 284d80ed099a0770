import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import type { RolloutSpec } from "../../../src/core/fleet/rollout-spec.ts";
import type { ControllerNotice } from "../../../src/fleet/controller/controller-notice.ts";
import { startController } from "../../../src/fleet/controller/start-controller.ts";
import type { Engine, Txn } from "../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import { listBundles, putBundle } from "../../../src/fleet/store/bundles.ts";
import { commit } from "../../../src/fleet/store/commit.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { keyOf } from "../../../src/fleet/store/record-name.ts";
import {
  channelWith,
  NEW,
  offerWith,
  sha256,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "../../core/fleet/support/fleet.ts";
import { atEnd } from "../../support/at-end.ts";
import { eventually, put } from "../engine/engine-words.ts";
import { follow, journalStore } from "../store/store-words.ts";
import { QUICK, QUICK_SPEC } from "./support/fleet-lab.ts";

test("a leader that sees nothing new does not beat, and leaves the lead to one that sees", async (t) => {
  const store = await journalStore(t);
  let isStuck = false;
  const blind = through(store, {
    watch: (prefix, options) =>
      store.engine.watch(prefix, {
        ...options,
        onChanges: (changes, at) => (isStuck ? undefined : options.onChanges(changes, at)),
        onProgress: (at) => (isStuck ? undefined : options.onProgress?.(at)),
      }),
  });
  const one = lead(t, blind, { freshMs: 500, blindMs: 1_500 });
  await eventually(async () => (await beatOf(store)) > 1, "it beats");
  isStuck = true;
  await eventually(() => one.notices.some(({ kind }) => kind === "blind"), "it sees nothing");
  const last = await beatOf(store);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(await beatOf(store), last);
  await eventually(() => one.notices.some(({ kind }) => kind === "leads-no-more"), "it leaves");
  lead(t, store);
  await eventually(async () => (await beatOf(store)) > 1, "the other beats");
  assert.equal(one.notices.filter(({ kind }) => kind === "leads").length, 1);
});

test("a leader that cannot write what it has decided does not beat", async (t) => {
  const store = await journalStore(t);
  let isBroken = true;
  const refusing = through(store, {
    txn: async (txn, options) => {
      if (isBroken && changes(txn, keyOf("prod", { kind: "state", id: "r1" })))
        throw new EngineError("no-space", "full");
      return store.engine.txn(txn, options);
    },
  });
  await begin(store);
  const { notices } = lead(t, refusing);
  await eventually(() => notices.filter(({ kind }) => kind === "failed").length > 2, "it fails");
  assert.equal(await beatOf(store), 0);
  isBroken = false;
  await eventually(async () => (await beatOf(store)) > 0, "it beats");
  await eventually(
    async () => (await readFleet(store)).state.get("r1")?.value.phase === "waves",
    "it is written",
  );
});

test("what is in doubt is left alone, what is not goes on", async (t) => {
  const store = await journalStore(t);
  await begin(store);
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "edge", value: channelWith({ members: { nodes: ["e1"] } }) },
      {
        kind: "spec",
        id: "r2",
        value: specWith({ id: "r2", channel: "edge", scope: { nodes: ["e1"] }, ...QUIET }),
      },
    ],
  );
  await store.engine.txn({ success: [put(keyOf("prod", { kind: "state", id: "r2" }), "broken")] });
  const { notices, controller } = lead(t, store);
  await eventually(
    async () => (await readFleet(store)).state.get("r1")?.value.phase === "waves",
    "one goes on",
  );
  await eventually(async () => (await beatOf(store)) > 2, "it beats");
  assert.deepEqual([...controller.status().doubts.keys()], ["edge"]);
  assert.equal(notices.filter(({ kind }) => kind === "in-doubt").length, 1);
});

test("tokens of a server that is gone come back, but for what is in flight; not of one of a later version", async (t) => {
  const store = await journalStore(t);
  await begin(store);
  const later = writeStored({ version: "9", host: "h", startedMs: T0, says: "more" });
  await store.engine.txn({ success: [put(keyOf("prod", { kind: "server", id: "s3" }), later)] });
  const blocks = [
    { server: "s1", size: 3 },
    { server: "s2", size: 4 },
    { server: "s3", size: 2 },
    { server: "s4", size: 1 },
  ];
  const sentMs = Date.now();
  const offer = { sentMs, resentMs: sentMs };
  await commit(
    store,
    [],
    [
      { kind: "server", id: "s1", value: { version: "1", host: "h", startedMs: T0 } },
      { kind: "tokens", id: "r1", value: { blocks } },
      { kind: "status", id: "n0", value: statusWith({ offer: offerWith({ ...offer, owner: "s2" }) }) },
    ],
  );
  lead(t, store);
  const tokens = async () => (await readFleet(store)).tokens.get("r1")?.value.blocks;
  await eventually(
    async () => (await tokens())?.some(({ server }) => server === "s4") === false,
    "they are back",
  );
  assert.deepEqual(await tokens(), [
    { server: "s1", size: 3 },
    { server: "s2", size: 1 },
    { server: "s3", size: 2 },
  ]);
});

test("rollouts that are long over go, with what only they have brought; what was only published stays", async (t) => {
  const store = await journalStore(t);
  const publish = async (name: string): Promise<string> => {
    const digest = sha256(Buffer.from(name));
    await putBundle(store, digest, Buffer.from(name));
    return digest;
  };
  const only = await publish("published");
  for (let index = 0; index < 52; index++) {
    const id = `r${index}`;
    const { from: _, ...spec } = specWith({ id, createdMs: T0 + index });
    const to = { digest: await publish(id), serial: index + 1 };
    await commit(
      store,
      [],
      [
        { kind: "spec", id, value: { ...spec, to } },
        { kind: "state", id, value: stateWith({ phase: "done" }) },
        { kind: "tokens", id, value: { blocks: [] } },
      ],
    );
  }
  await commit(store, [], [{ kind: "channel", id: "stable", value: channelWith() }]);
  const unreadable = { kind: "override", id: "n1" } as const;
  await store.engine.txn({ success: [put(keyOf("prod", unreadable), "nonsense")] });
  const { controller } = lead(t, store);
  await eventually(async () => (await beatOf(store)) > 2, "it has looked");
  assert.equal((await readFleet(store)).spec.size, 52, "what cannot be read may be about any of them");
  await commit(store, [], [{ remove: unreadable }]);
  await eventually(async () => (await readFleet(store)).spec.size === 50, "two are gone");
  const { spec, state, tokens } = await readFleet(store);
  assert.deepEqual([spec.has("r0"), spec.has("r1"), spec.has("r2")], [false, false, true]);
  assert.deepEqual([state.size, tokens.size], [50, 50]);
  const kept = await listBundles(store);
  assert.equal(kept.size, 51);
  assert.ok(kept.has(only));
  await eventually(async () => (await beatOf(store)) > 1, "it beats");
  assert.equal((await readFleet(store)).spec.size, 50);
  await controller.stop();
});

test("of two rollouts of a channel that end at once each has its own end", async (t) => {
  const store = await journalStore(t);
  const ids = ["r1", "r2"];
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      ...ids.flatMap((id) => [
        { kind: "spec", id, value: specWith({ id, scope: { nodes: [id] } }) } as const,
        { kind: "state", id, value: stateWith({ phase: "reverting" }) } as const,
      ]),
    ],
  );
  const { controller } = lead(t, store);
  const states = async () => [...(await readFleet(store)).state.values()].map(({ value }) => value);
  await eventually(async () => (await states()).every(({ phase }) => phase === "reverted"), "both are over");
  assert.deepEqual((await states()).map(({ generation }) => generation).toSorted(), [4, 5]);
  assert.equal((await readFleet(store)).channel.get("stable")?.value.generation, 5);
  await eventually(() => controller.status().conflicts === 1, "the second was made anew");
  assert.equal(controller.status().failures, 0);
});

const HOUR = 3_600_000;

test("a bake is not cut short by a controller whose clock is ahead; one that stood by goes on with it", async (t) => {
  const store = await journalStore(t);
  const [canary] = QUICK_SPEC.waves ?? [];
  const waves = [{ ...canary, bakeMs: 8_000 }, QUICK_SPEC.waves?.at(-1)] as RolloutSpec["waves"];
  const done = { running: NEW, offer: offerWith({ phase: "soaked" }) };
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "server", id: "s1", value: { version: "1", host: "h", startedMs: T0 } },
      { kind: "status", id: "n0", value: statusWith({ seenMs: Date.now(), ...done }) },
      { kind: "spec", id: "r1", value: specWith({ ...QUICK_SPEC, ...QUIET, waves }) },
      { kind: "state", id: "r1", value: stateWith({ startedMs: Date.now() }) },
    ],
  );
  const state = async () => (await readFleet(store)).state.get("r1")?.value;
  const first = lead(t, store);
  await eventually(async () => (await state())?.bakingMs !== undefined, "it bakes");
  const bakesFrom = performance.now();
  const second = lead(t, store, {}, () => Date.now() + HOUR);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await first.controller.stop();
  await eventually(() => second.notices.some(({ kind }) => kind === "leads"), "the other leads");
  await eventually(async () => (await beatOf(store)) > 1, "it has looked");
  assert.equal((await state())?.wave, 0, "it bakes on");
  await eventually(async () => (await state())?.phase === "done", "and ends");
  const tookMs = performance.now() - bakesFrom;
  assert.ok(tookMs >= 8_000 - 1_000, `${tookMs} ms`);
});

test("a node that has left a server whose clock is behind is not suspected at once", async (t) => {
  const store = await journalStore(t);
  const [canary] = QUICK_SPEC.waves ?? [];
  const waves = [{ ...canary, bakeMs: 60_000 }, QUICK_SPEC.waves?.at(-1)] as RolloutSpec["waves"];
  const { connection: _, ...left } = statusWith({
    seenMs: Date.now() - HOUR,
    running: NEW,
    offer: offerWith({ phase: "soaked" }),
  });
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "status", id: "n0", value: left },
      { kind: "spec", id: "r1", value: specWith({ ...QUICK_SPEC, ...QUIET, waves, reportByMs: 5_000 }) },
      { kind: "state", id: "r1", value: stateWith({ startedMs: Date.now() }) },
    ],
  );
  const startMs = performance.now();
  lead(t, store);
  const state = async () => (await readFleet(store)).state.get("r1")?.value;
  await eventually(async () => (await beatOf(store)) > 2, "it has looked");
  assert.equal((await state())?.phase, "waves");
  await eventually(async () => (await state())?.phase !== "waves", "it did not come back");
  assert.equal((await state())?.halted?.code, "too-many-failed");
  assert.ok(performance.now() - startMs >= 5_000);
});

/** Goes on by itself, from its preflight to its waves, and no further: nobody is connected. */
const QUIET = { preflight: { nodes: "none", maxFailed: 0, reportByMs: 0 } } as const;

async function begin(store: FleetStore): Promise<void> {
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith({ members: { nodes: ["n0"] } }) },
      { kind: "spec", id: "r1", value: specWith(QUIET) },
      { kind: "state", id: "r1", value: stateWith({ phase: "preflight", startedMs: Date.now() }) },
      { kind: "inventory", id: "n0", value: { labels: {} } },
    ],
  );
}

async function beatOf(store: FleetStore): Promise<number> {
  return (await readFleet(store)).controller.get("")?.value.beat ?? -1;
}

function changes({ success }: Txn, key: string): boolean {
  return success.some((one) => one.kind === "put" && one.key === key);
}

function through(store: FleetStore, parts: Partial<Engine>): FleetStore {
  return { ...store, engine: { ...store.engine, ...parts } };
}

function lead(
  t: TestContext,
  store: FleetStore,
  pace: Partial<typeof QUICK> = {},
  nowMs: () => number = Date.now,
) {
  const notices: ControllerNotice[] = [];
  const controller = startController({
    store,
    followed: follow(t, store),
    self: { id: "c1", version: "test", host: "lab" },
    nowMs,
    uptimeMs: () => performance.now(),
    random: Math.random,
    sha256,
    onNotice: (notice) => notices.push(notice),
    pace: { ...QUICK, ...pace },
  });
  atEnd(t, () => controller.stop());
  return { controller, notices };
}

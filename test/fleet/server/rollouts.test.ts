import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { sizeOf } from "../../../src/core/fleet/share-tokens.ts";
import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import type { FeedEvent } from "../../../src/fleet/server/feed-events.ts";
import { assessFeed } from "../../../src/fleet/server/feed-health.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { NEW, OLD } from "../../core/fleet/support/fleet.ts";
import { scratch } from "../../host/scratch.ts";
import { startEtcd } from "../../support/etcd.ts";
import { eventually } from "../engine/engine-words.ts";
import { openEtcd, openJournal } from "../engine/open-engine.ts";
import { connectNode, type FeedNode, type Nature } from "./support/feed-node.ts";
import { type TestFleet, type TestServer, testFleet, writeTestChannel } from "./support/feed-words.ts";
import { begin, command, lead, stateOf } from "./support/rollout-words.ts";

async function connectMany(
  t: TestContext,
  fleet: TestFleet,
  servers: readonly TestServer[],
  count: number,
  natureOf: (index: number) => Nature = () => "good",
): Promise<readonly FeedNode[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      const { port } = servers[index % servers.length] as TestServer;
      return connectNode(t, fleet, port, `n${index}`, { running: OLD, nature: natureOf(index) });
    }),
  );
}

/** Watches the sum of blocks, and what is in flight, at every change. */
function watchCap(t: TestContext, server: TestServer, cap: number): void {
  const look = setInterval(() => {
    const { records } = server.followed;
    const blocks = records.tokens.get("r1")?.value.blocks ?? [];
    const sum = blocks.reduce((total, { size }) => total + size, 0);
    let flying = 0;
    for (const { value } of records.status.values())
      if (value.offer?.owner !== undefined && value.offer.phase !== "soaked" && value.offer.mode === "apply")
        flying++;
    assert.ok(sum <= cap && flying <= cap, `${flying} in flight, ${sum} in blocks, ${cap} may be`);
  }, 5);
  t.after(() => clearInterval(look));
}

async function goesThrough(t: TestContext, given?: FleetStore): Promise<void> {
  const fleet = await testFleet(t, given);
  await writeTestChannel(fleet.store);
  const servers = await Promise.all([fleet.serve(), fleet.serve()]);
  const controller = lead(fleet.store, servers[0] as TestServer);
  t.after(() => controller.stop());
  const nodes = await connectMany(t, fleet, servers, 12);
  await eventually(async () => (await readFleet(fleet.store)).status.size === 12, "all are entered");
  watchCap(t, servers[1] as TestServer, 3);
  await begin(fleet.store);
  await eventually(async () => (await stateOf(fleet.store))?.phase === "done", "it is done");
  for (const node of nodes) {
    const told = node.assignments.map(({ mode }) => mode);
    assert.deepEqual(told, ["MODE_PREFLIGHT", "MODE_APPLY"]);
    assert.equal(node.running()?.digest, NEW.digest);
    // With its preflight; to apply it, it has it already.
    assert.deepEqual(
      node.assignments.map(({ envelope }) => envelope.length > 0),
      [true, false],
    );
  }
  await eventually(async () => {
    const tokens = (await readFleet(fleet.store)).tokens.get("r1")?.value.blocks ?? [];
    return servers.every(({ facts }) => sizeOf(tokens, facts().serverId ?? "") <= 3);
  }, "tokens are few");
  await controller.stop();
}

test("a rollout goes over two servers, and no more are in flight than may be", (t) => goesThrough(t));

test("the same on etcd", async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  await goesThrough(t, { engine, fleet: "prod" });
  await engine.close();
});

test("answers of the engine that are lost lose nothing, and nobody is told twice on a stream", async (t) => {
  const engine = await openJournal({ directory: scratch(t) });
  const quirks = { losesAnswers: false };
  let [writes, lost] = [0, 0];
  const forgetful: Engine = {
    ...engine,
    async txn(txn, options) {
      const answer = await engine.txn(txn, options);
      const isWrite = txn.success.some(({ kind }) => kind !== "get");
      if (!quirks.losesAnswers || !isWrite || ++writes % 2 === 0) return answer;
      lost++;
      throw new EngineError("timeout", "no answer in time", { applied: "unknown" });
    },
  };
  const fleet = await testFleet(t, { engine: forgetful, fleet: "prod" });
  await writeTestChannel(fleet.store);
  const servers = await Promise.all([fleet.serve(), fleet.serve()]);
  const controller = lead({ engine, fleet: "prod" }, servers[0] as TestServer);
  const nodes = await connectMany(t, fleet, servers, 10);
  await eventually(async () => (await readFleet(fleet.store)).status.size === 10, "all are entered");
  watchCap(t, servers[1] as TestServer, 3);
  await begin(fleet.store);
  quirks.losesAnswers = true;
  await eventually(async () => (await stateOf(fleet.store))?.phase === "done", "it is done");
  quirks.losesAnswers = false;
  assert.ok(lost > 5, `${lost} answers were lost`);
  for (const { assignments, running } of nodes) {
    assert.deepEqual(
      assignments.map(({ mode }) => mode),
      ["MODE_PREFLIGHT", "MODE_APPLY"],
    );
    assert.equal(running()?.digest, NEW.digest);
  }
  await controller.stop();
  await Promise.all(servers.map((server) => server.close()));
  await engine.close();
});

/** Does something else as soon as the offer of `mode` is durable, of which the server then gets no answer, once. */
function losesAnswerTo(engine: Engine, mode: string, meanwhile: () => Promise<void>): Engine {
  let isLost = false;
  return {
    ...engine,
    async txn(txn, options) {
      const isOffer = txn.success.some(
        (one) => one.kind === "put" && Buffer.from(one.value).includes(`"mode":"${mode}"`),
      );
      const answer = await engine.txn(txn, options);
      if (!isOffer || isLost || !answer.succeeded) return answer;
      isLost = true;
      await meanwhile();
      throw new EngineError("timeout", "no answer in time", { applied: "unknown" });
    },
  };
}

test("an offer whose answer the engine lost is not told after a halt", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const engine = losesAnswerTo(fleet.store.engine, "apply", () => command(fleet.store, "halt"));
  const server = await fleet.serve({ store: { ...fleet.store, engine } });
  const controller = lead(fleet.store, server);
  t.after(() => controller.stop());
  const [node] = await connectMany(t, fleet, [server], 1);
  await begin(fleet.store);
  await eventually(async () => (await stateOf(fleet.store))?.phase === "halted", "it is halted");
  await node?.until(({ assignments }) => assignments.at(-1)?.mode === "MODE_HOLD", "it hears of the halt");
  assert.deepEqual(
    node?.assignments.map(({ mode }) => mode),
    ["MODE_PREFLIGHT", "MODE_HOLD"],
  );
});

test("a hold whose answer the engine lost is told all the same", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const engine = losesAnswerTo(fleet.store.engine, "hold", async () => {});
  const server = await fleet.serve({ store: { ...fleet.store, engine } });
  const controller = lead(fleet.store, server);
  t.after(() => controller.stop());
  await begin(fleet.store, { preflight: { nodes: "none", maxFailed: 0, reportByMs: 0 } });
  const [node] = await connectMany(t, fleet, [server], 1, () => "mute");
  await node?.until(({ assignments }) => assignments.length > 0, "it is told to apply");
  await command(fleet.store, "halt");
  await node?.until(({ assignments }) => assignments.length > 1, "it hears of the halt");
  assert.deepEqual(
    node?.assignments.map(({ mode }) => mode),
    ["MODE_APPLY", "MODE_HOLD"],
  );
});

test("a canary that goes back halts it: nobody else is told to apply", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const controller = lead(fleet.store, server);
  const nodes = await connectMany(t, fleet, [server], 6, (index) => (index === 0 ? "reverts" : "good"));
  await eventually(async () => (await readFleet(fleet.store)).status.size === 6, "all are entered");
  await begin(fleet.store);
  await eventually(async () => (await stateOf(fleet.store))?.phase === "halted", "it is halted");
  const applied = nodes.flatMap(({ assignments }) => assignments.filter(({ mode }) => mode === "MODE_APPLY"));
  assert.equal(applied.length, 1);
  assert.equal(nodes[0]?.running()?.digest, OLD.digest);
  const halted = (await stateOf(fleet.store))?.halted;
  assert.equal(halted?.evidence.errors[0]?.code, "gate-failed");
  await controller.stop();
});

test("without a controller nobody new is told", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const nodes = await connectMany(t, fleet, [server], 3);
  await begin(fleet.store);
  await eventually(async () => (await readFleet(fleet.store)).status.size === 3, "all are entered");
  for (const node of nodes) {
    const seq = node.report("", "PHASE_UNSPECIFIED");
    await node.until(({ acked }) => acked() >= seq, "it is heard");
    assert.deepEqual(node.assignments, []);
  }
  assert.equal(server.facts().beatAgeMs, Number.POSITIVE_INFINITY);
  const controller = lead(fleet.store, server);
  await eventually(async () => (await stateOf(fleet.store))?.phase === "done", "with one it goes on");
  await controller.stop();
});

test("a server whose clock is an hour off tells nobody of a rollout, and says why, until it is put right", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  let offMs = 0;
  const events: FeedEvent[] = [];
  const right = await fleet.serve();
  const wrong = await fleet.serve({
    nowMs: () => Date.now() + offMs,
    onEvent: (event) => void events.push(event),
  });
  const clocks = () => events.flatMap((event) => (event.kind === "clock" ? [event.isOff] : []));
  const controller = lead(fleet.store, right);
  t.after(() => controller.stop());
  const [canary] = await connectMany(t, fleet, [right], 1);
  const late = await connectNode(t, fleet, wrong.port, "n1", { running: OLD });
  await eventually(async () => (await readFleet(fleet.store)).status.size === 2, "both are entered");
  await eventually(() => Number.isFinite(wrong.facts().beatAgeMs), "a beat");
  assert.ok(Math.abs(wrong.facts().clockOffMs) < 10_000);
  assert.deepEqual(clocks(), []);

  offMs = -3_600_000;
  await eventually(() => clocks().at(-1) === true, "it is told");
  const clock = assessFeed(wrong.facts(), Number.MAX_SAFE_INTEGER, Date.now()).find(
    ({ name }) => name === "clock",
  );
  assert.equal(clock?.status, "warn");
  assert.match(clock?.message ?? "", /3(60\d|59\d) s behind the controller's/);
  const told = async (server: TestServer) =>
    (await readFleet(fleet.store)).server.get(server.facts().serverId ?? "")?.value.clockOffMs;
  await eventually(async () => ((await told(wrong)) ?? 0) < -3_590_000, "the fleet is told");
  assert.equal(await told(right), undefined);
  const seq = late.report("", "PHASE_DRIFTED");
  await late.until(({ acked }) => acked() >= seq, "a clock that was put back holds up nothing else");
  await begin(fleet.store, { preflight: { nodes: "none", maxFailed: 0, reportByMs: 0 } });
  await eventually(async () => (await stateOf(fleet.store))?.wave === 1, "the canary is done");
  // Long enough for whoever would be told.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(canary?.running()?.digest, NEW.digest);
  assert.deepEqual(late.assignments, []);
  assert.equal((await stateOf(fleet.store))?.phase, "waves", "and nobody is called late");

  offMs = 0;
  await eventually(async () => (await stateOf(fleet.store))?.phase === "done", "it goes on");
  assert.equal(late.running()?.digest, NEW.digest);
  assert.deepEqual(clocks(), [true, false]);
  await eventually(async () => (await told(wrong)) === undefined, "and told that it is over");
  await controller.stop();
});

/** The same engine, which can be cut off: calls fail and watches are silent. */
function severable(t: TestContext, engine: Engine) {
  const gone = (): never => {
    throw new EngineError("unavailable", "cut off");
  };
  const leases = new Set<AbortController>();
  const self = {
    cut: false as boolean,
    loseLeases(): void {
      for (const one of leases) one.abort(new EngineError("lease-lost", "lost"));
    },
    engine: {
      ...engine,
      list: async (...input: Parameters<Engine["list"]>) => (self.cut ? gone() : engine.list(...input)),
      txn: async (...input: Parameters<Engine["txn"]>) => (self.cut ? gone() : engine.txn(...input)),
      lease: async (...input: Parameters<Engine["lease"]>) => {
        if (self.cut) gone();
        const lost = new AbortController();
        leases.add(lost);
        return { ...(await engine.lease(...input)), lost: lost.signal };
      },
      watch: (prefix: string, options: Parameters<Engine["watch"]>[1]) =>
        engine.watch(prefix, {
          ...options,
          onChanges: (...told) => void (self.cut || options.onChanges(...told)),
          onProgress: (revision) => void (self.cut || options.onProgress?.(revision)),
        }),
    },
  };
  // Also where an assertion fails: a server that cannot write does not come to its end.
  t.after(() => {
    self.cut = false;
  });
  return self;
}

/** A node that beats is entered, and then its server loses the engine. */
async function cutOff(t: TestContext) {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const link = severable(t, fleet.store.engine);
  const server = await fleet.serve({
    store: { ...fleet.store, engine: link.engine },
    times: { heartbeatMs: 300 },
  });
  const node = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  const beat = setInterval(() => node.send({ heartbeat: {} }), 250);
  t.after(() => clearInterval(beat));
  await eventually(async () => (await readFleet(fleet.store)).status.has("n1"), "it is entered");
  link.cut = true;
  return { fleet, server, link, node };
}

test("a server that is cut off from the engine says so, acknowledges nothing, and catches up", async (t) => {
  const { fleet, server, link, node } = await cutOff(t);
  const seq = node.report("", "PHASE_DRIFTED");
  const agesOf = () => node.received.flatMap(({ heartbeat }) => (heartbeat ? [heartbeat.engineAgeMs] : []));
  await node.until(() => agesOf().some((ageMs) => ageMs > 5_000), "it hears how old the view is");
  assert.ok(node.acked() < seq);
  assert.equal(server.facts().unwrittenReports, 1);
  assert.equal(node.ended(), undefined);
  link.cut = false;
  await node.until(({ acked }) => acked() >= seq, "what it said becomes durable");
  assert.equal((await readFleet(fleet.store)).status.get("n1")?.value.drifted, true);
  await node.until(() => (agesOf().at(-1) ?? 9_999) < 5_000, "the view is fresh again");
});

test("a server that is cut off in a wave tells nobody else of the new state", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const link = severable(t, fleet.store.engine);
  const right = await fleet.serve();
  const cut = await fleet.serve({
    store: { ...fleet.store, engine: link.engine },
    times: { heartbeatMs: 300, leaseMs: 60_000 },
  });
  const controller = lead(fleet.store, right);
  t.after(() => controller.stop());
  await connectMany(t, fleet, [right], 1);
  // Who says nothing keeps the wave open.
  await connectNode(t, fleet, right.port, "n2", { running: OLD, nature: "mute" });
  const preflight = { nodes: "none", maxFailed: 0, reportByMs: 0 } as const;
  await begin(fleet.store, { preflight, reportByMs: 120_000 });
  const isTold = () => cut.followed.records.status.get("n2")?.value.offer?.rolloutId === "r1";
  await eventually(isTold, "it knows that the last wave is released");
  link.cut = true;
  const late = await connectNode(t, fleet, cut.port, "n1", { running: OLD });
  const beat = setInterval(() => late.send({ heartbeat: {} }), 200);
  t.after(() => clearInterval(beat));
  const agesOf = () => late.received.flatMap(({ heartbeat }) => (heartbeat ? [heartbeat.engineAgeMs] : []));
  await late.until(() => agesOf().some((ageMs) => ageMs > 5_000), "it hears how old the view is");
  assert.ok(agesOf().every((ageMs, index) => index === 0 || ageMs > (agesOf()[index - 1] ?? 0)));
  assert.deepEqual(late.assignments, []);
  link.cut = false;
  await late.until(({ running }) => running()?.digest === NEW.digest, "its turn comes");
  await controller.stop();
});

test("a node that has much to say while the engine is away keeps its stream, and all is heard later", async (t) => {
  const { server, link, node } = await cutOff(t);
  let seq = 0;
  for (let count = 0; count < 40; count++) seq = node.report("", "PHASE_DRIFTED");
  await eventually(() => server.facts().unwrittenReports >= 32, "no more is read");
  const { length } = node.received;
  const beats = () => node.received.slice(length).filter(({ message }) => message === "heartbeat").length;
  await node.until(
    () => node.ended() !== undefined || beats() > 12,
    "more time passes than a silent node has",
  );
  assert.equal(node.ended(), undefined);
  link.cut = false;
  await node.until(({ acked }) => acked() >= seq, "what it said becomes durable");
  assert.equal(server.has("stream-ended"), false);
});

test("streams that are old are kept while the engine is away: nobody would know of new ones", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const link = severable(t, fleet.store.engine);
  let laterMs = 0;
  const server = await fleet.serve({
    store: { ...fleet.store, engine: link.engine },
    times: { heartbeatMs: 20_000, maxAgeMs: 25_000 },
    uptimeMs: () => performance.now() + laterMs,
  });
  const node = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  const beats = () => node.received.filter(({ message }) => message === "heartbeat").length;
  await node.until(() => beats() === 1, "it is connected");
  link.cut = true;
  await eventually(() => server.facts().engineAgeMs > 2_000, "what was under way is over");
  laterMs = 31_000;
  await node.until(() => beats() > 1 || server.has("stream-ended"), "its age is looked at");
  assert.equal(server.has("stream-ended"), false);
  link.cut = false;
  await eventually(() => server.has("stream-ended"), "its time has come");
});

test("a server that loses its lease goes on under another name, with the streams it has", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const link = severable(t, fleet.store.engine);
  const server = await fleet.serve({ store: { ...fleet.store, engine: link.engine } });
  const node = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  const connectionOf = async () => (await readFleet(fleet.store)).status.get("n1")?.value.connection;
  await eventually(async () => (await connectionOf()) !== undefined, "it is entered");
  const first = server.facts().serverId;
  link.loseLeases();
  await eventually(async () => {
    const now = (await connectionOf())?.server;
    return now !== undefined && now !== first && now === server.facts().serverId;
  }, "it is entered anew");
  assert.equal(node.ended(), undefined);
  const seq = node.report("", "PHASE_UNSPECIFIED");
  await node.until(({ acked }) => acked() >= seq, "it is heard");
});

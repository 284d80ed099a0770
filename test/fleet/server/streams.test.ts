import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { putBundle } from "../../../src/fleet/store/bundles.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../../../src/fleet/store/write-channel.ts";
import { channelWith, NEW, OLD, sha256 } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode, fetchOnce } from "./support/feed-node.ts";
import { testFleet, writeTestChannel } from "./support/feed-words.ts";

test("a node that reads nothing costs one message, and hears what counts when it reads again", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const node = await connectNode(t, fleet, server.port, "n1", { nature: "mute", running: NEW });
  await node.until(({ assignments }) => assignments.length === 1, "it is told");
  node.stall();
  for (let generation = 10; generation < 70; generation++) {
    const envelope = randomBytes(100 * 1024);
    const stable = { digest: sha256(envelope), serial: generation };
    await putBundle(fleet.store, stable.digest, envelope);
    const before = (await readFleet(fleet.store)).channel.get("stable");
    await writeChannel(fleet.store, "stable", before, channelWith({ stable, generation }));
    const id = `stable/stable/${generation}`;
    await eventually(
      async () => (await readFleet(fleet.store)).status.get("n1")?.value.offer?.id === id,
      `${id} is durable`,
    );
  }
  const last = "stable/stable/69";
  const conflated = server.events.filter(({ kind }) => kind === "conflated").length;
  assert.ok(conflated > 20, `${conflated} were replaced unsent`);
  node.goOn();
  await node.until(({ assignments }) => assignments.at(-1)?.assignmentId === last, "it hears the last one");
});

test("of two machines with one id the newest stream counts, and both are marked", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const [one, other] = await Promise.all([fleet.serve(), fleet.serve()]);
  const [a, b] = [randomBytes(16), randomBytes(16)];
  const statusOf = async () => (await readFleet(fleet.store)).status.get("n1")?.value;
  const connect = async (port: number, instance: Buffer) => {
    const node = await connectNode(t, fleet, port, "n1", { instance, running: OLD });
    await eventually(
      async () => (await statusOf())?.connection?.instance === instance.toString("hex"),
      "its stream counts",
    );
    return node;
  };
  const first = await connect(one.port, a);
  const second = await connect(other.port, b);
  await first.until(({ ended }) => ended() !== undefined, "the older stream ends");
  assert.match(first.received.at(-1)?.goAway?.reason ?? "", /copy/);
  assert.ok((first.received.at(-1)?.goAway?.reconnectAfterMs ?? 0) >= 60_000);
  assert.equal((await statusOf())?.cloned, undefined);
  const third = await connect(one.port, a);
  await second.until(({ ended }) => ended() !== undefined, "that of the copy ends");
  assert.equal((await statusOf())?.cloned, true);
  assert.ok(one.has("cloned"));
  assert.equal(third.ended(), undefined);
});

test("what a server recalls of its own writes is what everybody else reads", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store, { stable: NEW });
  const server = await fleet.serve();
  const nature = "reverts";
  const nodes = ["n1", "n2", "n3"];
  for (const node of nodes) await connectNode(t, fleet, server.port, node, { running: OLD, nature });
  const { followed } = server;
  await eventually(() => {
    const offers = nodes.map((node) => followed.records.status.get(node)?.value.offer);
    return offers.every((offer) => offer?.phase === "reverted");
  }, "all have answered");
  const read = await readFleet(fleet.store);
  await eventually(() => followed.revision() >= (read.status.get("n1")?.modRevision ?? 0), "all is followed");
  assert.deepEqual(followed.records.status, (await readFleet(fleet.store)).status);
});

test("a second stream of a node takes the place of the first on the same server", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const instance = randomBytes(16);
  const first = await connectNode(t, fleet, server.port, "n1", { instance, running: OLD });
  await first.until(({ received }) => received.length > 0, "it is welcome");
  const second = await connectNode(t, fleet, server.port, "n1", { instance, running: OLD });
  await first.until(({ ended }) => ended() !== undefined, "the older stream ends");
  await second.until(({ received }) => received.length > 0, "it is welcome");
  await eventually(() => server.facts().streams === 1, "one stream is left");
  second.report("", "PHASE_UNSPECIFIED");
  await second.until(({ acked }) => acked() === 2, "it is heard");
  assert.equal((await readFleet(fleet.store)).status.get("n1")?.value.cloned, undefined);
});

test("a full server sends nodes away, and so does one that ends: spread, with its nodes noted as gone", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve({ maxStreams: 1 });
  const node = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  await eventually(async () => (await readFleet(fleet.store)).status.has("n1"), "it is entered");
  const late = await connectNode(t, fleet, server.port, "n2");
  await late.until(({ ended }) => ended() !== undefined, "it is sent away");
  assert.match(late.received[0]?.goAway?.reason ?? "", /as many streams/);
  await server.drain(10_000);
  await node.until(({ ended }) => ended() !== undefined, "its stream ends");
  assert.equal(node.received.at(-1)?.goAway?.spreadMs, 30_000);
  assert.equal((await readFleet(fleet.store)).status.get("n1")?.value.connection, undefined);
});

test("a node that says nothing any more is not held for connected; one that beats is", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve({ times: { heartbeatMs: 200 } });
  const silent = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  const alive = await connectNode(t, fleet, server.port, "n2", { running: OLD });
  const beat = setInterval(() => alive.send({ heartbeat: { timeMs: Date.now() } }), 200);
  t.after(() => clearInterval(beat));
  await silent.until(({ ended }) => ended() !== undefined, "it is given up");
  assert.equal(alive.ended(), undefined);
  const beats = alive.received.filter(({ message }) => message === "heartbeat");
  assert.ok(beats.length > 1);
});

test("nonsense is answered with an end or is skipped, and never with a crash", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve({ times: { helloMs: 300 } });
  const hasty = await connectNode(t, fleet, server.port, "n1", { greets: false });
  hasty.report("x", "PHASE_SOAKED");
  const mute = await connectNode(t, fleet, server.port, "n2", { greets: false });
  const twice = await connectNode(t, fleet, server.port, "n3", { running: OLD });
  twice.send({ hello: { protocol: 1, nodeId: "n3", instance: Buffer.of(1) } });
  const old = await connectNode(t, fleet, server.port, "n4", { hello: { protocol: 0 } });
  for (const node of [hasty, mute, twice, old])
    await node.until(({ ended }) => ended() !== undefined, "it is ended");
  assert.equal(hasty.ended()?.code, status.INVALID_ARGUMENT);
  assert.equal(mute.ended()?.code, status.DEADLINE_EXCEEDED);
  assert.equal(twice.ended()?.code, status.INVALID_ARGUMENT);
  assert.equal(old.ended()?.code, status.INVALID_ARGUMENT);
  const odd = await connectNode(t, fleet, server.port, "n5", { running: OLD, nature: "mute" });
  odd.send({});
  const seq = odd.report("\u0000\ud800".repeat(500), "PHASE_SOAKED", {
    state: { runningDigest: Buffer.of(1), runningSerial: -1, source: 9 as never },
    error: { code: "\u001b[2J", message: "x".repeat(3_000) },
  });
  await odd.until(({ acked }) => acked() === seq, "it is acknowledged");
  const kept = (await readFleet(fleet.store)).status.get("n5")?.value;
  assert.equal(kept?.running, undefined);
  assert.equal(kept?.source, "none");
  assert.equal((await readFleet(fleet.store)).broken.size, 0);
});

test("Fetch says what a stream would, once, and writes nothing", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const hello = { protocol: 1, nodeId: "n1", instance: randomBytes(16) };
  const first = await fetchOnce(t, fleet, server.port, hello);
  assert.equal(first.welcome?.protocol, 1);
  assert.equal(first.assignment?.assignmentId, "stable/stable/3");
  assert.ok((first.assignment?.envelope.length ?? 0) > 0);
  const settled = await fetchOnce(t, fleet, server.port, {
    ...hello,
    state: {
      runningDigest: Buffer.from(OLD.digest, "hex"),
      runningSerial: OLD.serial,
      source: "SOURCE_FEED",
    },
  });
  assert.equal(settled.assignment, null);
  const refusals = [
    [null, status.INVALID_ARGUMENT, /hello is missing/],
    [{ ...hello, protocol: 0 }, status.INVALID_ARGUMENT, /no protocol/],
    [{ ...hello, nodeId: "n2" }, status.PERMISSION_DENIED, /certificate is that of node n1/],
  ] as const;
  for (const [wrong, code, details] of refusals)
    await assert.rejects(fetchOnce(t, fleet, server.port, wrong, "n1"), { code, details });
  assert.equal((await readFleet(fleet.store)).status.size, 0);
});

test("a node that begins streams again and again is turned away, others are not", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const hello = { protocol: 1, nodeId: "n1", instance: randomBytes(16) };
  const asked = Array.from({ length: 30 }, () => fetchOnce(t, fleet, server.port, hello));
  const answers = await Promise.allSettled(asked);
  const refused = answers.filter((one) => one.status === "rejected");
  assert.ok(refused.length > 0 && refused.length <= 10, `${refused.length} were refused`);
  assert.ok(
    refused.every((one) => one.status === "rejected" && one.reason.code === status.RESOURCE_EXHAUSTED),
  );
  const other = await connectNode(t, fleet, server.port, "n2");
  await other.until(({ received }) => received.length > 0, "it is welcome");
});

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { type Admission, admitConnections } from "../../../src/fleet/server/admit-connections.ts";
import { OLD } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode } from "./support/feed-node.ts";
import { testFleet, writeTestChannel } from "./support/feed-words.ts";

async function admission(t: TestContext, perSecond: number, most: number) {
  const admitted: number[] = [];
  const dropped: string[] = [];
  const made: Admission = admitConnections({
    perSecond,
    most,
    onConnection(socket) {
      admitted.push(socket.remotePort ?? 0);
      socket.resume();
    },
    onDropped: (why) => void dropped.push(why),
  });
  const port = await made.listen("127.0.0.1", 0);
  t.after(() => made.close());
  const open = (): Socket => {
    const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
    t.after(() => socket.destroy());
    return socket;
  };
  return { made, admitted, dropped, open };
}

test("connections that come at once wait for their turn, and all get in", async (t) => {
  const { made, admitted, dropped, open } = await admission(t, 50, 1_000);
  const sockets = Array.from({ length: 100 }, open);
  await eventually(() => made.open() === 100, "all are there");
  assert.ok(made.waiting() > 0, "some wait");
  await eventually(() => admitted.length === 100, "all are let in");
  assert.deepEqual(dropped, []);
  assert.equal(new Set(admitted).size, 100);
  for (const socket of sockets) socket.destroy();
  await eventually(() => made.open() === 0, "they are forgotten");
});

test("who would wait too long is dropped before it costs anything", async (t) => {
  const { made, admitted, dropped, open } = await admission(t, 1, 1_000);
  for (let count = 0; count < 20; count++) open();
  await eventually(() => made.open() === 20, "all are there");
  await eventually(() => dropped.length > 0 && made.waiting() === 0, "nobody waits any more");
  assert.ok(dropped.every((why) => why === "busy"));
  assert.ok(admitted.length < 15);
});

test("more connections than may be open are dropped", async (t) => {
  const { dropped, open } = await admission(t, 1_000, 3);
  for (let count = 0; count < 5; count++) open();
  await eventually(() => dropped.length === 2, "two are dropped");
  assert.deepEqual(dropped, ["full", "full"]);
});

test("nodes that are in are served while a storm of others waits", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve({ handshakesPerSecond: 20 });
  const node = await connectNode(t, fleet, server.port, "n0", { running: OLD });
  await node.until(({ received }) => received.length > 0, "it is welcome");
  const ids = Array.from({ length: 40 }, (_, index) => `n${(index % 4) + 1}`);
  const others = await Promise.all(
    ids.map((id) => connectNode(t, fleet, server.port, id, { running: OLD, instance: Buffer.of(1) })),
  );
  await eventually(() => server.facts().handshakesWaiting > 0, "some wait");
  const seq = node.report("", "PHASE_UNSPECIFIED");
  await node.until(({ acked }) => acked() >= seq, "it is heard in between");
  await eventually(() => others.every(({ received }) => received.length > 0), "all get in");
  assert.equal(server.has("connection-dropped"), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { NEW, OLD } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode } from "./support/feed-node.ts";
import { envelopeOf, testFleet, writeTestChannel } from "./support/feed-words.ts";

test("a new node is told the stable state, and its answer is durable before it is acknowledged", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const node = await connectNode(t, fleet, server.port, "n1");
  await node.until(({ assignments }) => assignments.length > 0, "it is told");
  const [assignment] = node.assignments;
  assert.equal(node.received[0]?.message, "welcome");
  assert.equal(node.received[0]?.welcome?.protocol, 1);
  assert.equal(assignment?.assignmentId, "stable/stable/3");
  assert.equal(assignment?.mode, "MODE_APPLY");
  assert.deepEqual(assignment?.envelope, envelopeOf("old"));
  await node.until(({ acked }) => acked() === 4, "all is acknowledged");
  const status = (await readFleet(fleet.store)).status.get("n1")?.value;
  assert.equal(status?.offer?.phase, "soaked");
  assert.equal(status?.running?.digest, OLD.digest);
  assert.equal(status?.connection?.server, server.facts().serverId);
  node.close();
  await eventually(async () => {
    const { value } = (await readFleet(fleet.store)).status.get("n1") ?? {};
    return value?.connection === undefined;
  }, "its end is noted");
});

test("what a node tells after its Hello of its containerd is kept, and how old the view is comes at once", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve({ times: { heartbeatMs: 600_000 } });
  const node = await connectNode(t, fleet, server.port, "n1", {
    running: OLD,
    hello: { containerdVersion: "" },
  });
  await node.until(
    ({ received }) => received.some(({ message }) => message === "heartbeat"),
    "a heartbeat comes",
  );
  const containerd = async () => (await readFleet(fleet.store)).status.get("n1")?.value.containerd;
  // The heartbeat waits for nothing; its status for the engine.
  await eventually(async () => (await containerd()) === "", "it is entered");
  const state = { runningDigest: Buffer.from(OLD.digest, "hex"), runningSerial: OLD.serial };
  node.report("", "PHASE_UNSPECIFIED", { state: { ...state, containerdVersion: "2.1.9" } });
  await eventually(async () => (await containerd()) === "2.1.9", "its version is known");
  node.report("", "PHASE_UNSPECIFIED", { state });
  await node.until(({ acked }) => acked() === 3, "it is heard");
  assert.equal(await containerd(), "2.1.9", "one that does not say keeps it");
});

test("a node that runs what it should is told nothing, and one that has the envelope does not get it again", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const settled = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  const has = await connectNode(t, fleet, server.port, "n2", {
    running: NEW,
    hello: { cached: [Buffer.from(OLD.digest, "hex")] },
  });
  await has.until(({ assignments }) => assignments.length > 0, "it is told");
  assert.equal(has.assignments[0]?.envelope.length, 0);
  await eventually(async () => (await readFleet(fleet.store)).status.has("n1"), "it is entered");
  assert.equal(settled.assignments.length, 0);
});

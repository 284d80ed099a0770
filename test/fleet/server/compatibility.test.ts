import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import type { AgentMessage } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import type { Report } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/Report.ts";
import { OLD } from "../../core/fleet/support/fleet.ts";
import {
  addToContract,
  addToMessage,
  contract,
  loadContract,
  takeFromContract,
} from "../../shared/feed/support/other-contracts.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode, fetchOnce } from "./support/feed-node.ts";
import { envelopeOf, type TestFleet, testFleet, writeTestChannel } from "./support/feed-words.ts";

/** A fleet whose channel has a stable state, and a server of today. */
async function serve(t: TestContext) {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  return { fleet, server: await fleet.serve() };
}

async function statusOf({ store }: TestFleet, node: string) {
  return (await readFleet(store)).status.get(node)?.value;
}

/** Names that only the later contract has. */
const later = (message: object): AgentMessage => message as AgentMessage;

async function laterAgent(t: TestContext) {
  return { service: await loadContract(t, addToContract(contract)), dress: addToMessage<AgentMessage> };
}

test("a feed of today and a later agent: protocol 1 holds, and the rest is skipped", async (t) => {
  const { fleet, server } = await serve(t);
  const node = await connectNode(t, fleet, server.port, "n1", {
    ...(await laterAgent(t)),
    hello: { protocol: 2, features: ["later"], payloadSchemas: [1, 2], labels: { later: "yes" } },
  });
  await node.until(({ received }) => received.length > 0, "Welcome");
  assert.equal(node.received[0]?.welcome?.protocol, 1);
  node.send(later({ later: { text: "a message that is not known" } }));
  await node.until(({ assignments }) => assignments.length > 0, "it is told");
  assert.equal(node.assignments[0]?.mode, "MODE_APPLY");
  assert.deepEqual(node.assignments[0]?.envelope, envelopeOf("old"));
  await eventually(async () => (await statusOf(fleet, "n1"))?.offer?.phase === "soaked", "its answer");
  await node.until(({ acked }) => acked() >= 4, "the acknowledgement");
  assert.ok(server.has("unknown-message"));
  assert.equal(node.ended(), undefined);
  assert.equal((await statusOf(fleet, "n1"))?.running?.digest, OLD.digest);
});

test("a phase and a source that are not known are news, and no answer", async (t) => {
  const { fleet, server } = await serve(t);
  const node = await connectNode(t, fleet, server.port, "n1", {
    ...(await laterAgent(t)),
    nature: "mute",
  });
  await node.until(({ assignments }) => assignments.length > 0, "it is told");
  const id = node.assignments[0]?.assignmentId ?? "";
  node.report(id, "PHASE_VERIFIED");
  const running = { runningDigest: Buffer.from(OLD.digest, "hex"), runningSerial: OLD.serial };
  const report = { assignmentId: id, phase: "PHASE_LATER", state: { ...running, source: "SOURCE_LATER" } };
  const seq = node.report(id, "PHASE_UNSPECIFIED", report as unknown as Partial<Report>);
  await node.until(({ acked }) => acked() >= seq, "it is acknowledged all the same");
  const known = await statusOf(fleet, "n1");
  assert.equal(known?.offer?.phase, "verified");
  assert.equal(known?.source, "none");
  assert.deepEqual(known?.running, { digest: OLD.digest, serial: OLD.serial });
  const answer = { phase: "PHASE_SOAKED" as const };
  const last = node.report(id, answer.phase);
  await node.until(({ acked }) => acked() >= last, "the answer");
  assert.equal((await statusOf(fleet, "n1"))?.offer?.phase, "soaked");
});

test("a feed of today and an earlier agent: what it does not say has its default", async (t) => {
  const { fleet, server } = await serve(t);
  const taken = [
    ...["boot_id", "agent_version", "containerd_version", "payload_schemas", "features", "cached", "labels"],
    ...["effective_digest", "last_good_digest", "floor_serial", "rejections", "registries", "conditions"],
    ...["items", "at_ms", "offered_digest", "need_state", "server_id", "rollout_id", "wave"],
    ...["spread_ms", "needs_observed", "SOURCE_PINNED", "running_since_ms"],
  ];
  const service = await loadContract(t, takeFromContract(contract, taken));
  const node = await connectNode(t, fleet, server.port, "n1", { service });
  await eventually(async () => (await statusOf(fleet, "n1"))?.offer?.phase === "soaked", "its answer");
  assert.equal(node.received[0]?.welcome?.protocol, 1);
  assert.equal(node.assignments.length, 1);
  const known = await statusOf(fleet, "n1");
  assert.deepEqual([known?.agent, known?.running?.digest, known?.source], ["", OLD.digest, "feed"]);
});

test("an agent that says nothing but who it is is served too", async (t) => {
  const { fleet, server } = await serve(t);
  const bare = await connectNode(t, fleet, server.port, "n1", { greets: false, nature: "mute" });
  bare.send({ hello: { protocol: 1, nodeId: "n1", instance: Buffer.alloc(16, 1) } });
  await bare.until(({ assignments }) => assignments.length > 0, "it is told");
  const seq = bare.report("", "PHASE_UNSPECIFIED", { state: null });
  await bare.until(({ acked }) => acked() >= seq, "news without a state");
  const answer = await fetchOnce(t, fleet, server.port, {
    protocol: 2,
    nodeId: "n1",
    instance: Buffer.alloc(16, 1),
  });
  assert.equal(answer.welcome?.protocol, 1);
  assert.equal(answer.assignment?.mode, "MODE_APPLY");
});

test("an agent without a protocol is refused with the reason", async (t) => {
  const { fleet, server } = await serve(t);
  const node = await connectNode(t, fleet, server.port, "n1", { hello: { protocol: 0 } });
  await node.until(({ ended }) => ended() !== undefined, "it is refused");
  assert.equal(node.ended()?.code, status.INVALID_ARGUMENT);
  assert.match(node.ended()?.details ?? "", /protocol/);
  assert.deepEqual(node.received, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fedNode, text } from "./support/fed-node.ts";

test("REVERTED is not said by a pass that had to wait: what is to be taken back still runs", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(60_000);
  await fed.pass();
  await fed.assign(fed.sign({ serial: 13, desiredState: text(5001) }));
  await fed.pass();
  fed.node.clock.advance(1_000);
  fed.verdict("bypassed");
  await fed.tick();
  const { version } = fed.node.containerd;
  fed.node.containerd.version = async () => undefined;
  const { outcome } = await fed.pass();
  assert.equal(outcome, "deferred");
  assert.equal(fed.port, "5001");
  assert.equal(fed.answer?.phase, "applied");
  fed.node.containerd.version = version;
  await fed.pass();
  assert.equal(fed.port, "5000");
  assert.equal(fed.answer?.phase, "reverted");
});

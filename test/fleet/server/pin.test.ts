import assert from "node:assert/strict";
import { test } from "node:test";
import { setOverride } from "../../../src/fleet/store/write-nodes.ts";
import { NEW, OLD } from "../../core/fleet/support/fleet.ts";
import { connectNode } from "./support/feed-node.ts";
import { testFleet, writeTestChannel } from "./support/feed-words.ts";

test("a pin of the fleet's is told once on a stream, and not again for each answer", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  await setOverride(fleet.store, "n1", { bundle: NEW, by: "anna", reason: "x", atMs: 1 });
  const server = await fleet.serve();
  const node = await connectNode(t, fleet, server.port, "n1", { running: OLD, nature: "mute" });
  await node.until(({ assignments }) => assignments.length > 0, "it is told");
  const id = node.assignments[0]?.assignmentId ?? "";
  for (const phase of ["PHASE_RECEIVED", "PHASE_VERIFIED"] as const) {
    const seq = node.report(id, phase);
    await node.until(({ acked }) => acked() >= seq, phase);
  }
  // What would follow the last answer comes before the answer to a later question.
  const seq = node.report("", "PHASE_UNSPECIFIED");
  await node.until(({ acked }) => acked() >= seq, "news");
  assert.deepEqual(
    node.assignments.map(({ assignmentId }) => assignmentId),
    ["pin/1"],
  );
  node.close();
  const again = await connectNode(t, fleet, server.port, "n1", { running: OLD, nature: "mute" });
  await again.until(({ assignments }) => assignments[0]?.assignmentId === "pin/1", "told on the next stream");
});

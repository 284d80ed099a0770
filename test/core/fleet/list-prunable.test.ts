import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bundle } from "../../../src/core/fleet/bundle.ts";
import { type KeptRecords, listPrunable, MOST_ENDED } from "../../../src/core/fleet/list-prunable.ts";
import type { Rollout } from "../../../src/core/fleet/rollout.ts";
import { channelWith, offerWith, sha256, specWith, stateWith, statusWith, T0 } from "./support/fleet.ts";

const bundle = (serial: number): Bundle => ({
  digest: sha256(new TextEncoder().encode(`b${serial}`)),
  serial,
});

/** From the bundle before to its own, the higher the newer. */
const rollout = (index: number, channel = "stable"): Rollout => ({
  spec: specWith({
    id: `${channel}-${index}`,
    channel,
    from: bundle(index - 1),
    to: bundle(index),
    createdMs: T0 + index,
  }),
  state: stateWith({ phase: index % 2 === 0 ? "done" : "reverted" }),
});

const many = (count: number, channel?: string): readonly Rollout[] =>
  Array.from({ length: count }, (_, index) => rollout(index + 1, channel));

function prunable(changes: Partial<KeptRecords>): readonly string[] {
  const all = { channels: [channelWith({ stable: bundle(60) })], statuses: () => [], overrides: [] };
  return listPrunable({ ...all, rollouts: many(53), ...changes }).map(({ id, bundles }) => {
    const serials = bundles.map((digest) =>
      Array.from({ length: 80 }, (_, serial) => serial).find((serial) => bundle(serial).digest === digest),
    );
    return `${id}: ${serials.join(",")}`;
  });
}

test("the newest ended ones of each channel stay, and what was rolled out last by those that go", () => {
  assert.deepEqual(prunable({ rollouts: many(MOST_ENDED) }), []);
  // What the fourth began from is the bundle of the third, and the first of edge began from the same as that of stable.
  assert.deepEqual(prunable({}), ["stable-1: 1,0", "stable-2: 2,1", "stable-3: 2"]);
  assert.deepEqual(prunable({ rollouts: [...many(51), ...many(50, "edge")] }), ["stable-1: "]);
});

test("what is not over stays, however old it is", () => {
  const [first, ...others] = many(51);
  assert.ok(first);
  const halted = { ...first, state: stateWith({ phase: "halted" }) };
  assert.deepEqual(prunable({ rollouts: [halted, ...others] }), []);
});

test("a rollout that a node's status names stays, and a bundle that is used", () => {
  const offer = offerWith({ id: "stable-1/1/apply", rolloutId: "stable-1", ...bundle(1) });
  const preflight = { rolloutId: "stable-2", attempt: 1, ok: true };
  const refused = [{ digest: bundle(3).digest, assignmentId: "stable-3/1/apply" }];
  assert.deepEqual(
    prunable({ statuses: () => [statusWith({ offer }), statusWith({ preflight, refused })] }),
    [],
  );
  assert.deepEqual(prunable({ statuses: () => [statusWith({ running: bundle(1) })] }), [
    "stable-1: 0",
    "stable-2: 2",
    "stable-3: 2",
  ]);
  const channels = [channelWith({ stable: bundle(0), scoped: [{ scope: {}, ...bundle(1) }] })];
  const overrides = [{ bundle: bundle(2), reason: "x", by: "ann", atMs: T0 }];
  assert.deepEqual(prunable({ channels, overrides }), ["stable-1: ", "stable-2: ", "stable-3: "]);
});

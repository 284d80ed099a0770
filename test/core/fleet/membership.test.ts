import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countOutRollout } from "../../../src/core/fleet/count-out-rollout.ts";
import { DEFAULT_ROLLOUT } from "../../../src/core/fleet/default-rollout.ts";
import { findWave, placeNode } from "../../../src/core/fleet/membership.ts";
import type { FleetNode } from "../../../src/core/fleet/node-status.ts";
import { NEW, OLD, sha256, specWith, statusWith, T0, wave } from "./support/fleet.ts";

const node = fc.record({
  id: fc.integer({ min: 0, max: 9999 }).map((number) => `n${number}`),
  labels: fc.record({ class: fc.constantFrom("cpu", "gpu", "arm") }),
});
const nodes = fc.uniqueArray(node, { selector: ({ id }) => id, minLength: 1, maxLength: 60 });
const percents = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 5 })
  .map((list) => [...list.toSorted((a, b) => a - b), 100]);

function specOf(percents: readonly number[], id = "r1") {
  return specWith({
    id,
    waves: percents.map((percent) => wave({ name: `p${percent}`, pick: { kind: "percent", percent } })),
  });
}

test("the place of a node in a rollout is the same in every release", () => {
  assert.equal(
    placeNode("r1", "n1", sha256),
    Number.parseInt(sha256(Buffer.from("r1\0n1")).slice(0, 12), 16),
  );
  assert.equal(placeNode("2026-11-27", "node-a.example", sha256), 176_143_337_739_700);
});

test("the wave of a node depends on nothing but the rollout and the node", () => {
  fc.assert(
    fc.property(nodes, percents, (list, percents) => {
      const spec = specOf(percents);
      const alone = new Map(list.map((one) => [one.id, findWave(spec, one, sha256)]));
      const read = JSON.parse(JSON.stringify(spec));
      for (const one of list.toReversed()) assert.equal(findWave(read, one, sha256), alone.get(one.id));
    }),
  );
});

test("everybody in the scope has a wave, nobody outside has one", () => {
  fc.assert(
    fc.property(nodes, percents, (list, percents) => {
      const spec = { ...specOf(percents), scope: { labels: { class: ["gpu", "arm"] } } };
      for (const one of list)
        assert.equal(findWave(spec, one, sha256) === undefined, one.labels.class === "cpu");
    }),
  );
});

test("when percents grow, no node leaves a wave for a later one", () => {
  const grown = percents.chain((list) =>
    fc.tuple(fc.constant(list), fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 6, maxLength: 6 })),
  );
  fc.assert(
    fc.property(nodes, grown, (list, [before, more]) => {
      const after = before.map((percent, index) => Math.min(100, percent + (more[index] ?? 0)));
      for (const one of list) {
        const was = findWave(specOf(before), one, sha256) ?? 0;
        assert.ok((findWave(specOf(after), one, sha256) ?? 0) <= was);
      }
    }),
  );
});

const facts = {
  id: "r9",
  channel: "stable",
  from: OLD,
  to: NEW,
  supersedes: [],
  createdMs: T0,
  createdBy: "ann",
};

test("counted out, each class has its exact part of each wave, and a canary", () => {
  fc.assert(
    fc.property(nodes, (list) => {
      const spec = countOutRollout(DEFAULT_ROLLOUT, facts, list, sha256);
      for (const name of new Set(list.map(({ labels }) => labels.class))) {
        const members = list.filter(({ labels }) => labels.class === name);
        const waves = members.map((one) => findWave(spec, one, sha256) ?? -1);
        assert.equal(waves.filter((wave) => wave === 0).length, 1);
        for (const [index, percent] of [1, 10, 50, 100].entries()) {
          const wanted = Math.ceil((percent / 100) * members.length);
          const inside = waves.filter((wave) => wave <= index + 1).length;
          // The canary may stand behind the cut.
          assert.ok(
            inside === wanted || inside === wanted + 1,
            `${inside} of ${members.length} for ${percent} %`,
          );
        }
      }
    }),
  );
});

test("canaries are connected nodes where there are any", () => {
  const list: FleetNode[] = Array.from({ length: 20 }, (_, index) => {
    const { connection: _connection, ...gone } = statusWith();
    return { id: `n${index}`, labels: { class: "gpu" }, status: index === 13 ? statusWith() : gone };
  });
  const [canary] = countOutRollout(DEFAULT_ROLLOUT, facts, list, sha256).waves;
  assert.deepEqual(canary?.pick, { kind: "nodes", nodes: ["n13"] });
});

test("a node that comes later has a wave too, in the order of its place", () => {
  const list = Array.from({ length: 100 }, (_, index) => ({ id: `n${index}`, labels: { class: "cpu" } }));
  const spec = countOutRollout(DEFAULT_ROLLOUT, facts, list, sha256);
  const late = Array.from({ length: 400 }, (_, index) => ({ id: `late${index}`, labels: { class: "cpu" } }));
  const early = late.filter((one) => (findWave(spec, one, sha256) ?? 9) <= 3).length;
  assert.ok(early > 120 && early < 280, `${early} of 400 are in the first half`);
  assert.ok(late.every((one) => findWave(spec, one, sha256) !== undefined));
});

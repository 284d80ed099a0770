import assert from "node:assert/strict";
import { test } from "node:test";
import { countOutRollout } from "../../../src/core/fleet/count-out-rollout.ts";
import { DEFAULT_ROLLOUT } from "../../../src/core/fleet/default-rollout.ts";
import type { NodeStatus } from "../../../src/core/fleet/node-status.ts";
import type { RolloutSpec } from "../../../src/core/fleet/rollout-spec.ts";
import { NEW, OLD, OTHER, SECOND, sha256, specWith, T0, wave } from "./support/fleet.ts";
import type { Nature } from "./support/sim/agent.ts";
import { type Scenario, type SimNode, World } from "./support/sim/world.ts";

function nodes(count: number, natureOf: (index: number) => Nature = () => "good"): readonly SimNode[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    labels: { class: index % 3 === 2 ? "gpu" : "cpu" },
    nature: natureOf(index),
  }));
}

function world(changes: Partial<Scenario> & { readonly rollout?: Partial<RolloutSpec> } = {}): World {
  const { rollout, ...rest } = changes;
  const waves = [
    wave({ name: "canary", pick: { kind: "nodes", nodes: ["n0", "n1", "n2"] } }),
    wave({ name: "half", pick: { kind: "percent", percent: 50 } }),
    wave({ name: "rest", pick: { kind: "percent", percent: 100 } }),
  ];
  const spec = specWith({ waves, ...rollout });
  return new World({
    spec,
    nodes: nodes(12),
    servers: 3,
    seed: 7,
    tickMs: SECOND,
    events: [],
    lag: Number.POSITIVE_INFINITY,
    ...rest,
  });
}

const running = (one: World): readonly string[] =>
  one.agents.map(({ running }) =>
    running?.digest === NEW.digest ? "new" : running?.digest === OLD.digest ? "old" : "other",
  );

test("one canary that goes back halts it, and nobody else is told anything any more", () => {
  const one = world({ nodes: nodes(12, (index) => (index === 1 ? "soak-fails" : "good")) });
  assert.ok(one.run(2000));
  assert.deepEqual(
    [one.state.phase, one.state.halted?.code, one.state.wave],
    ["halted", "too-many-failed", 0],
  );
  assert.equal(one.offers, 3);
  assert.deepEqual(one.state.halted?.evidence.errors, [
    { code: "soak-fails", message: "because it soak-fails", count: 1, node: "n1" },
  ]);
  assert.deepEqual(running(one), ["new", "old", "new", ...Array(9).fill("old")]);
});

test("a node that loses what it was given gets it back, and one that only says it runs it is not told in a loop", () => {
  const last = nodes(12, (index) => (index === 11 ? "keeps-own" : "good"));
  const one = world({
    nodes: last.map((node, index) => (index < 10 ? node : { ...node, running: OTHER })),
    rollout: {
      scope: { nodes: ["n0", "n1", "n2"] },
      waves: [wave({ pick: { kind: "percent", percent: 100 } })],
    },
    events: [[2000, { kind: "restore-node", index: 10 }]],
  });
  const told = (node: string): number =>
    one.store.changes.filter(({ key, value }, index, all) => {
      const offer = (value as NodeStatus | undefined)?.offer;
      const before = all.slice(0, index).findLast((change) => change.key === key)?.value as
        | NodeStatus
        | undefined;
      return key === `status/${node}` && offer !== undefined && offer.resentMs !== before?.offer?.resentMs;
    }).length;
  for (let tick = 0; tick < 3_600; tick++) one.tick();
  assert.deepEqual(running(one).slice(10), ["old", "other"]);
  assert.equal(told("n10"), 2);
  assert.ok(told("n11") > 2 && told("n11") <= 7, `it was told ${told("n11")} times in an hour`);
});

test("with onHalt revert, those that had it go back", () => {
  const one = world({
    nodes: nodes(12, (index) => (index === 1 ? "soak-fails" : "good")),
    rollout: { onHalt: "revert" },
  });
  assert.ok(one.run(2000));
  assert.equal(one.state.phase, "reverted");
  assert.deepEqual(running(one), Array(12).fill("old"));
});

test("a state that is broken for one class halts in the canaries, and the class is named", () => {
  const one = world({ nodes: nodes(12, (index) => (index % 3 === 2 ? "soak-fails" : "good")) });
  assert.ok(one.run(2000));
  assert.equal(one.state.halted?.isWhole, true);
  assert.deepEqual(one.state.halted?.evidence.factors, [
    { name: "class", value: "gpu", unwell: 1, unwellOf: 1, well: 0, wellOf: 2 },
  ]);
  assert.ok(one.agents.slice(3).every(({ applied }) => applied.length === 0));
});

test("a preflight that fails anywhere touches nobody", () => {
  const one = world({ nodes: nodes(12, (index) => (index === 11 ? "preflight-fails" : "good")) });
  assert.ok(one.run(2000));
  assert.equal(one.state.halted?.code, "preflight-failed");
  assert.ok(one.agents.every(({ applied }) => applied.length === 0));
});

test("after the first no of a preflight, those that had been asked go on to answer, and all of it is told", () => {
  const one = world({
    nodes: nodes(12, (index) => (index % 4 === 3 ? "preflight-fails" : "good")),
    rollout: { spreadMs: 30 * SECOND },
  });
  assert.ok(one.run(2000));
  const { message, evidence, isWhole } = one.state.halted ?? {};
  assert.deepEqual([evidence?.nodes, isWhole], [["n11", "n3", "n7"], true]);
  assert.match(message ?? "", /^3 of 12 nodes say/);
});

test("without a controller nobody new is told after 30 s; the next one goes on where it was", () => {
  const one = world({
    events: [[60, { kind: "kill-controller", ticks: 400 }]],
    rollout: { spreadMs: 40 * SECOND, reportByMs: 90 * SECOND },
  });
  for (let tick = 0; tick < 60; tick++) one.tick();
  assert.deepEqual([one.state.phase, one.offers], ["waves", 3]);
  for (let tick = 0; tick < 395; tick++) one.tick();
  assert.deepEqual([one.state.phase, one.state.wave, one.offers], ["waves", 0, 3]);
  assert.ok(one.run(3000));
  assert.equal(one.state.phase, "done");
});

test("a server that is cut off from the engine tells its nodes nothing new", () => {
  const one = world({ servers: 1, events: [[10, { kind: "cut-server", index: 0, ticks: 300 }]] });
  for (let tick = 0; tick < 300; tick++) one.tick();
  assert.equal(one.offers, 0);
});

test("a cloned machine is seen, and both end up with what one of them is told", () => {
  const one = world({
    events: [
      [2, { kind: "clone-node", index: 4 }],
      [30, { kind: "reboot-node", index: 12, ticks: 2 }],
      [40, { kind: "reboot-node", index: 4, ticks: 2 }],
      [90, { kind: "kill-server", index: 0 }],
    ],
  });
  one.run(3000);
  assert.equal(one.agents.length, 13);
  for (const { applied } of one.agents)
    assert.equal(new Set(applied.map(({ id }) => id)).size, applied.length);
});

test("nodes that are away keep nobody waiting, and get it when they come back", () => {
  const one = world({
    events: [
      [0, { kind: "drop-node", index: 7, ticks: 900 }],
      [0, { kind: "drop-node", index: 8, ticks: 900 }],
    ],
  });
  for (let tick = 0; tick < 800; tick++) one.tick();
  assert.equal(one.state.phase, "done");
  assert.deepEqual([...new Set(running(one))], ["new", "old"]);
  assert.ok(one.run(3000));
  assert.deepEqual([...new Set(running(one))], ["new"]);
});

test("a late joiner gets what is stable, then its turn", () => {
  const joined = nodes(12).map((node, index) => (index === 9 ? { ...node, running: OTHER } : node));
  const one = world({ nodes: joined });
  assert.ok(one.run(3000));
  assert.deepEqual(
    one.agents[9]?.applied.map(({ digest }) => digest),
    [OLD.digest, NEW.digest],
  );
});

test("a thousand nodes take the sum of their spreads, soaks and bakes, and little more", () => {
  const fleet = nodes(1000);
  const draft = {
    ...DEFAULT_ROLLOUT,
    waves: DEFAULT_ROLLOUT.waves.map((one) => ({ ...one, maxInFlight: 1000, bakeMs: one.bakeMs / 10 })),
  };
  const facts = {
    id: "r1",
    channel: "stable",
    from: OLD,
    to: NEW,
    supersedes: [],
    createdMs: T0,
    createdBy: "ann",
  };
  const spec = countOutRollout(draft, facts, fleet, sha256);
  const one = world({ nodes: fleet, rollout: spec, tickMs: 2 * SECOND });
  while (one.state.phase !== "done" && one.nowMs < T0 + 7_200_000) one.tick();
  const bakes = spec.waves.reduce((sum, { bakeMs }) => sum + bakeMs, 0);
  const least = spec.spreadMs + spec.waves.length * (spec.spreadMs + spec.soakMs) + bakes;
  const over = one.nowMs - T0 - least;
  assert.equal(one.state.phase, "done");
  assert.ok(over < 120 * SECOND, `${over / 1000} s over ${least / 1000} s`);
  assert.equal(one.offers, 1000);
});

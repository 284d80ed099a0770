import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findWave } from "../../../src/core/fleet/membership.ts";
import type { RolloutSpec } from "../../../src/core/fleet/rollout-spec.ts";
import { NEW, OLD, OTHER, SECOND, sha256, specWith, wave } from "./support/fleet.ts";
import type { Nature } from "./support/sim/agent.ts";
import { type Event, type Scenario, type SimNode, World } from "./support/sim/world.ts";

const TICK_MS = 5 * SECOND;
const CLASSES = ["cpu", "gpu", "arm"] as const;

function nodes(count: number, natureOf: (index: number) => Nature = () => "good"): readonly SimNode[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    labels: { class: CLASSES[index % CLASSES.length] ?? "cpu", zone: `z${index % 2}` },
    nature: natureOf(index),
  }));
}

/** A canary of each class, then parts, with little patience, so that everything happens within minutes. */
function specFor(changes: Partial<RolloutSpec> & { readonly cap?: number } = {}): RolloutSpec {
  const { cap = 3, ...rest } = changes;
  const usual = {
    maxInFlight: cap,
    minDone: 0.8,
    maxFailed: 1,
    maxFailedPct: 10,
    maxSilentPct: 20,
    evidence: "none" as const,
  };
  return specWith({
    waves: [
      wave({
        name: "canary",
        pick: { kind: "nodes", nodes: ["n0", "n1", "n2"] },
        maxInFlight: Math.min(3, cap),
      }),
      wave({ name: "some", pick: { kind: "percent", percent: 30 }, ...usual }),
      wave({ name: "rest", pick: { kind: "percent", percent: 100 }, ...usual }),
    ],
    ...rest,
  });
}

const count = fc.integer({ min: 4, max: 18 });
const index = fc.nat(20);
const ticks = fc.integer({ min: 1, max: 40 });

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant("kill-server" as const), index }),
  fc.record({ kind: fc.constant("cut-server" as const), index, ticks }),
  fc.record({ kind: fc.constant("kill-controller" as const), ticks }),
  fc.record({ kind: fc.constant("second-controller" as const) }),
  fc.record({ kind: fc.constant("drop-node" as const), index, ticks }),
  fc.record({ kind: fc.constant("reboot-node" as const), index, ticks: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant("clone-node" as const), index }),
  fc.record({ kind: fc.constant("pin-on-node" as const), index }),
  fc.record({ kind: fc.constant("pin-by-fleet" as const), index }),
  fc.record({
    kind: fc.constant("command" as const),
    verb: fc.constantFrom("pause", "resume", "retry", "halt", "revert", "expedite"),
  }),
);

const NATURES: readonly Nature[] = [
  "good",
  "preflight-fails",
  "rejects",
  "apply-fails",
  "soak-fails",
  "silent",
  "dies",
  "turns-bad",
];

const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    count,
    natures: fc.array(
      fc.oneof({ weight: 8, arbitrary: fc.constant<Nature>("good") }, fc.constantFrom(...NATURES)),
      {
        minLength: 18,
        maxLength: 18,
      },
    ),
    starts: fc.array(fc.constantFrom(OLD, OLD, OLD, OTHER, "nothing" as const), {
      minLength: 18,
      maxLength: 18,
    }),
    onHalt: fc.constantFrom("hold" as const, "revert" as const),
    offline: fc.constantFrom("skip" as const, "wait" as const),
    cap: fc.integer({ min: 1, max: 6 }),
    servers: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer(),
    lag: fc.constantFrom(Number.POSITIVE_INFINITY, 200, 40),
    events: fc.array(fc.tuple(fc.nat(120), event), { maxLength: 8 }),
  })
  .map(({ count, natures, starts, onHalt, offline, cap, ...rest }) => ({
    ...rest,
    spec: specFor({ onHalt, offline, cap }),
    nodes: nodes(count, (index) => natures[index] ?? "good").map((node, index) => ({
      ...node,
      running: starts[index] ?? OLD,
    })),
    tickMs: TICK_MS,
  }));

/** What holds at the end, beside what the world checks at every change. */
function checkEnd(world: World): void {
  const { state, spec } = world;
  for (const agent of world.agents) {
    const status = world.statusOf(agent.id);
    const where = `${agent.id} (${agent.nature}) in ${state.phase}`;
    const ids = agent.applied.map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)], `${where}: applied twice for one assignment`);
    const isFree = agent.source === "feed" && world.store.get(`overrides/${agent.id}`) === undefined;
    const isClone = world.agents.filter(({ id }) => id === agent.id).length > 1;
    if (!isFree || isClone || agent.isDead || status?.connection === undefined) continue;
    const hasRefused = status.refused.some(({ digest }) => digest === spec.to.digest);
    if (state.phase === "reverted") assert.equal(agent.running?.digest, OLD.digest, where);
    if (state.phase === "done" && !hasRefused && agent.nature !== "silent")
      assert.equal(agent.running?.digest, NEW.digest, where);
    const wave = findWave(spec, agent, sha256);
    const wasReleased = wave !== undefined && wave <= state.wave;
    if (state.phase === "halted" && !wasReleased) assert.equal(agent.running?.digest, OLD.digest, where);
  }
}

/** Thousands are run where somebody waits for them: FLEET_RUNS=5000. */
const RUNS = Number(process.env["FLEET_RUNS"] ?? 300);

test("whatever happens to nodes, servers and controllers, a rollout keeps its promises and comes to an end", (t) => {
  const ends = new Map<string, number>();
  fc.assert(
    fc.property(scenarios, (one) => {
      const world = new World(one);
      const isOver = world.run(1500);
      const { phase, halted, paused } = world.state;
      const end = paused ? "paused" : halted ? `${phase}: ${halted.code}` : phase;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      const last = world.controllers.at(-1)?.last;
      const waitsForDead =
        last?.kind === "wait" && last.code === "offline" && world.agents.some((one) => one.isDead);
      assert.ok(
        isOver || waitsForDead,
        `still ${phase}, waits for ${last?.kind === "wait" ? last.code : "nothing"}`,
      );
      checkEnd(world);
    }),
    { numRuns: RUNS },
  );
  t.diagnostic(`ends: ${[...ends].map(([end, count]) => `${end} ${count}`).join(", ")}`);
});

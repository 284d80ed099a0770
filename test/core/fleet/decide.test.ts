import assert from "node:assert/strict";
import { test } from "node:test";
import { nameLeave } from "../../../src/core/fleet/assess-node.ts";
import type { Channel } from "../../../src/core/fleet/channel.ts";
import { commandRollout } from "../../../src/core/fleet/command-rollout.ts";
import { decide } from "../../../src/core/fleet/decide.ts";
import type { Decision } from "../../../src/core/fleet/decision.ts";
import { findFactors } from "../../../src/core/fleet/find-factors.ts";
import { followServers } from "../../../src/core/fleet/follow-servers.ts";
import { findWave } from "../../../src/core/fleet/membership.ts";
import type { FleetNode, NodeStatus, Offer } from "../../../src/core/fleet/node-status.ts";
import type { RolloutSpec, Wave } from "../../../src/core/fleet/rollout-spec.ts";
import type { Halt, RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import {
  channelWith,
  NEW,
  OLD,
  offerWith,
  SECOND,
  sha256,
  specWith,
  stateWith,
  statusWith,
  T0,
  wave,
} from "./support/fleet.ts";

interface Situation {
  readonly spec?: Partial<RolloutSpec>;
  readonly state?: Partial<RolloutState>;
  readonly nodes: readonly FleetNode[];
  readonly nowMs?: number;
  readonly overridden?: readonly string[];
  readonly gone?: ReadonlyMap<string, number>;
  readonly watchedSinceMs?: number;
  readonly left?: ReadonlyMap<string, number>;
  readonly bakedMs?: ReadonlyMap<string, number>;
  readonly channel?: Channel;
}

function run({
  spec,
  state,
  nodes,
  nowMs = T0 + 10 * SECOND,
  overridden = [],
  gone = new Map(),
  watchedSinceMs = T0,
  left,
  bakedMs,
  channel = channelWith(),
}: Situation): Decision {
  const rollout = { spec: specWith(spec), state: stateWith(state) };
  const view = {
    nodes,
    overridden: new Set(overridden),
    gone,
    watchedSinceMs,
    ...(left && { left }),
    ...(bakedMs && { bakedMs }),
  };
  return decide(rollout, channel, view, (node) => findWave(rollout.spec, node, sha256), nowMs);
}

/** What it waits for, or `phase wave`, or the code of a halt. */
function outcome(situation: Situation): string {
  const decision = run(situation);
  if (decision.kind === "wait") return decision.code;
  const { phase, wave, bakingMs, halted } = decision.state;
  if (phase === "halted" || phase === "reverting") return `${phase}: ${halted?.code}`;
  return phase === "waves" ? `wave ${wave}${bakingMs === undefined ? "" : " bakes"}` : phase;
}

function haltOf(situation: Situation): Halt {
  const decision = run(situation);
  assert.ok(decision.kind === "write" && decision.state.halted !== undefined);
  return decision.state.halted;
}

function node(
  id: string,
  status: Partial<NodeStatus> = {},
  labels: Readonly<Record<string, string>> = { class: "cpu" },
): FleetNode {
  return { id, labels, status: statusWith({ node: id, ...status }) };
}

const offered = (changes: Partial<Offer> = {}): Partial<NodeStatus> => ({ offer: offerWith(changes) });
const done: Partial<NodeStatus> = { running: NEW, offer: offerWith({ phase: "soaked", phaseMs: T0 }) };
const failed = offered({
  phase: "reverted",
  phaseMs: T0 + 5,
  error: { code: "gate-failed", message: "containerd did not start" },
});
const { connection: _connection, ...away } = statusWith();

function gone(id: string, changes: Partial<NodeStatus> = {}): FleetNode {
  return { id, labels: { class: "cpu" }, status: { ...away, node: id, ...changes } };
}

const LATE = T0 + 61 * SECOND;

test("preflight: one no halts it, silence is a no, who is away is not asked", () => {
  const state = { phase: "preflight" } as const;
  const yes = { preflight: { rolloutId: "r1", attempt: 1, ok: true } };
  const no = {
    preflight: {
      rolloutId: "r1",
      attempt: 1,
      ok: false,
      error: { code: "mirror-unreachable", message: "x" },
    },
  };
  const asked = offered({ id: "r1/1/preflight", mode: "preflight" });
  const preflight = { nodes: "all", maxFailed: 0, reportByMs: 40 * SECOND } as const;
  assert.equal(outcome({ state, nodes: [node("n0", yes), node("n1", asked)] }), "preflight");
  assert.equal(outcome({ state, nodes: [node("n0", yes), node("n1")] }), "preflight");
  assert.equal(outcome({ state, nodes: [node("n0", yes), gone("n1"), { id: "n2", labels: {} }] }), "wave 0");
  assert.equal(outcome({ state, nodes: [node("n0", yes), node("n1", no)] }), "halted: preflight-failed");
  assert.equal(
    outcome({
      state,
      spec: { preflight: { ...preflight, maxFailed: 1 } },
      nodes: [node("n0", yes), node("n1", no)],
    }),
    "wave 0",
  );
  assert.equal(
    outcome({ state, nodes: [node("n0", yes), node("n1", asked)], nowMs: LATE }),
    "halted: preflight-failed",
  );
  assert.equal(outcome({ state, nodes: [node("n0", yes), node("n1", { source: "pinned" })] }), "wave 0");
  assert.equal(outcome({ state, nodes: [node("n0", yes), node("n1")], nowMs: T0 + 80 * SECOND }), "wave 0");
  assert.equal(outcome({ state, nodes: [gone("n0")] }), "nobody-connected");
  assert.equal(outcome({ state, nodes: [gone("n0")], nowMs: LATE }), "halted: preflight-empty");
  assert.equal(
    outcome({ state, nodes: [gone("n0")], nowMs: LATE, watchedSinceMs: LATE }),
    "nobody-connected",
  );
  assert.equal(outcome({ state, spec: { preflight: { ...preflight, nodes: "none" } }, nodes: [] }), "wave 0");
  assert.equal(
    haltOf({ state, nodes: [node("n0", yes), node("n1", no)] }).evidence.errors[0]?.code,
    "mirror-unreachable",
  );
});

test("nodes that were there and could not be asked are not told as nobody", () => {
  const { message, code } = haltOf({
    state: { phase: "preflight" },
    nodes: [node("n0"), node("n1")],
    nowMs: T0 + 7_200 * SECOND,
  });
  assert.equal(code, "preflight-empty");
  assert.match(message, /^2 of the scope were connected, and none could be asked in time: .*clocks/);
});

test("a preflight that has halted waits for those that were asked, and for nobody else", () => {
  const answer = (ok: boolean) => ({ preflight: { rolloutId: "r1", attempt: 1, ok } });
  const asked = offered({ id: "r1/1/preflight", mode: "preflight" });
  const halt = haltOf({
    state: { phase: "preflight" },
    nodes: [node("n0", answer(false)), node("n1", asked)],
  });
  const state = { phase: "halted", halted: halt } as const;
  const after = (...others: readonly FleetNode[]) => ({
    state,
    nodes: [node("n0", answer(false)), ...others],
  });
  assert.equal(outcome(after(node("n1", asked))), "halted");
  const { message, evidence, isWhole } = haltOf(after(node("n1", answer(false)), node("n2"), gone("n3")));
  assert.match(message, /^2 of 2 nodes/);
  assert.deepEqual([evidence.nodes, isWhole], [["n0", "n1"], true]);
  const silent = haltOf({ ...after(node("n1", asked)), nowMs: LATE });
  assert.deepEqual(silent.evidence.errors.map(({ code }) => code).toSorted(), ["preflight-failed", "silent"]);
});

test("a wave is done, bakes, and the next is released; the last one ends it and makes it stable", () => {
  assert.equal(outcome({ nodes: [node("n0")] }), "wave");
  assert.equal(outcome({ nodes: [node("n0", offered())] }), "wave");
  assert.equal(outcome({ nodes: [node("n0", done)] }), "wave 0 bakes");
  const baking = { bakingMs: T0 };
  assert.equal(outcome({ state: baking, nodes: [node("n0", done)], nowMs: T0 + 29 * SECOND }), "baking");
  assert.equal(outcome({ state: baking, nodes: [node("n0", done)], nowMs: T0 + 30 * SECOND }), "wave 1");
  const last = { state: { wave: 1, bakingMs: T0 }, nodes: [node("n0", done), node("n1", done)], nowMs: LATE };
  assert.equal(outcome(last), "done");
  const end = run(last);
  assert.deepEqual(end.kind === "write" && end.channel, channelWith({ stable: NEW, generation: 4 }));
  assert.equal(end.kind === "write" && end.state.generation, 4);
});

test("a bake that seems to begin later begins now: whoever led before had another clock", () => {
  const nodes = [node("n0", done)];
  const state = { bakingMs: T0 + 3_600 * SECOND };
  const decision = run({ state, nodes, nowMs: T0 + 60 * SECOND });
  assert.equal(decision.kind === "write" && decision.state.bakingMs, T0 + 60 * SECOND);
  assert.equal(decision.kind === "write" && decision.state.wave, 0);
});

test("a bake is as long as who decides has watched it, whatever its clock shows", () => {
  const nodes = [node("n0", done)];
  const baked = (seconds: number) => new Map([["r1", seconds * SECOND]]);
  for (const bakingMs of [T0 - 3_600 * SECOND, T0, T0 + 3_600 * SECOND]) {
    const baking = { state: { bakingMs }, nodes };
    assert.equal(outcome({ ...baking, bakedMs: baked(29) }), "baking");
    assert.equal(outcome({ ...baking, bakedMs: baked(30) }), "wave 1");
  }
});

test("a node has left when that was seen, whatever the clock of its server showed", () => {
  const nodes = [gone("n0", { ...done, seenMs: T0 - 3_600 * SECOND })];
  const away = { state: { bakingMs: T0 - 60 * SECOND }, nodes, watchedSinceMs: T0 - 7_200 * SECOND };
  const left = (node: string) => new Map([[node, T0]]);
  assert.equal(outcome(away), "halted: too-many-failed", "as it is written down");
  const seen = left(nameLeave(statusWith({ seenMs: T0 - 3_600 * SECOND })));
  assert.equal(outcome({ ...away, left: seen, nowMs: T0 + 40 * SECOND }), "away");
  assert.equal(outcome({ ...away, left: seen, nowMs: T0 + 80 * SECOND }), "halted: too-many-failed");
  const earlier = left(nameLeave(statusWith({ seenMs: T0 - 7_200 * SECOND })));
  assert.equal(outcome({ ...away, left: earlier }), "halted: too-many-failed", "it was there in between");
});

test("a wave in which nobody is, or nobody connected, is passed over; not the first one", () => {
  assert.equal(outcome({ state: { wave: 1 }, nodes: [node("n0", done)] }), "done");
  assert.equal(outcome({ state: { wave: 1 }, nodes: [node("n0", done), gone("n1")] }), "done");
  assert.equal(
    outcome({ spec: { offline: "wait" }, state: { wave: 1 }, nodes: [node("n0", done), gone("n1")] }),
    "offline",
  );
  assert.equal(outcome({ nodes: [gone("n0"), node("n1")] }), "class-untried");
  assert.equal(outcome({ nodes: [gone("n0"), node("n1")], nowMs: LATE }), "halted: class-untried");
  assert.equal(outcome({ nodes: [node("n1")], nowMs: LATE }), "halted: class-untried");
  assert.equal(
    outcome({ nodes: [node("n0", { ...done, source: "pinned" })], nowMs: LATE }),
    "halted: class-untried",
  );
});

test("each class of the first wave has to be tried", () => {
  const waves = [
    wave({ name: "canary", pick: { kind: "nodes", nodes: ["n0", "n1"] } }),
    wave({ name: "rest", pick: { kind: "percent", percent: 100 } }),
  ];
  const other: FleetNode = { ...gone("n1"), labels: { class: "gpu" } };
  assert.equal(outcome({ spec: { waves }, nodes: [node("n0", done), other] }), "class-untried");
  const halt = haltOf({ spec: { waves }, nodes: [node("n0", done), other], nowMs: LATE });
  assert.equal(halt.message, "wave canary: no connected node of class gpu to try it on");
});

test("failure halts: what refused, what went back, what does badly since; in every wave that is released", () => {
  for (const phase of ["rejected", "failed", "reverted"] as const)
    assert.equal(outcome({ nodes: [node("n0", offered({ phase }))] }), "halted: too-many-failed");
  assert.equal(outcome({ nodes: [node("n0", { ...done, running: OLD })] }), "halted: too-many-failed");
  const unwell = { verdict: "failing", namespace: "gcr.io" } as const;
  assert.equal(outcome({ nodes: [node("n0", { ...done, unwell })] }), "halted: too-many-failed");
  const was = { running: NEW, offer: offerWith({ phase: "soaked", wasUnwell: true }), unwell };
  assert.equal(outcome({ nodes: [node("n0", was)] }), "wave 0 bakes");
  assert.equal(
    outcome({ state: { wave: 1 }, nodes: [node("n0", { ...done, running: OLD }), node("n1")] }),
    "halted: too-many-failed",
  );
  assert.equal(
    outcome({ spec: { onHalt: "revert" }, nodes: [node("n0", failed)] }),
    "reverting: too-many-failed",
  );
  assert.equal(
    outcome({ state: { paused: { by: "a", reason: "", atMs: T0 } }, nodes: [node("n0", failed)] }),
    "halted: too-many-failed",
  );
  assert.equal(
    outcome({ nodes: [node("n0", failed), node("n1")], overridden: ["n0"], nowMs: LATE }),
    "halted: class-untried",
  );
});

test("silence halts: connected and no answer, or gone after it was told", () => {
  assert.equal(outcome({ nodes: [node("n0", offered())], nowMs: T0 + 59 * SECOND }), "wave");
  assert.equal(
    outcome({ nodes: [node("n0", offered({ phase: "applied" }))], nowMs: LATE }),
    "halted: too-many-silent",
  );
  assert.equal(outcome({ nodes: [gone("n0", offered())], nowMs: T0 + 59 * SECOND }), "wave");
  assert.equal(outcome({ nodes: [gone("n0", offered())], nowMs: LATE }), "halted: too-many-failed");
  const later = { state: { wave: 1 }, nodes: [node("n0", done), gone("n1", offered())], nowMs: LATE };
  assert.equal(outcome(later), "halted: too-many-silent");
  const halt = haltOf({ nodes: [node("n0", offered({ phase: "verified" }))], nowMs: LATE });
  assert.equal(
    halt.evidence.errors[0]?.message,
    "connected, and no answer in time; the last word was verified",
  );
});

test("a node of a dead server is given the time to connect to another", () => {
  const servers = followServers(new Map(), new Set(["s2"]), ["s1", "s2"], T0 + 20 * SECOND);
  assert.deepEqual([...servers], [["s1", T0 + 20 * SECOND]]);
  assert.deepEqual([...followServers(servers, new Set(["s2"]), ["s1"], LATE)], [["s1", T0 + 20 * SECOND]]);
  const baking = { state: { bakingMs: T0 }, nodes: [node("n0", done)], gone: servers };
  assert.equal(outcome({ ...baking, nowMs: T0 + 40 * SECOND }), "away");
  assert.equal(outcome({ ...baking, nowMs: T0 + 80 * SECOND }), "halted: too-many-failed");
});

test("after a time without a leader nobody is late until there was time to be back, and to answer", () => {
  const watchedSinceMs = T0 + 90 * SECOND;
  const after = (one: FleetNode, seconds: number, state: Partial<RolloutState> = {}) =>
    outcome({ state, nodes: [one], watchedSinceMs, nowMs: watchedSinceMs + seconds * SECOND });
  const told = offered({ phase: "applied" });
  assert.equal(after(node("n0", told), 59), "wave");
  assert.equal(after(node("n0", told), 60), "halted: too-many-silent");
  assert.equal(after(gone("n0", told), 59), "wave");
  assert.equal(after(gone("n0", told), 60), "halted: too-many-failed");
  assert.equal(after(gone("n0", done), 59, { bakingMs: T0 }), "away");
  const back = offered({ mode: "revert", id: "r1/1/revert", digest: OLD.digest });
  assert.equal(after(node("n0", { running: NEW, ...back }), 59, { phase: "reverting" }), "reverting");
  const asked = offered({ id: "r1/1/preflight", mode: "preflight" });
  assert.equal(after(node("n0", asked), 59, { phase: "preflight" }), "preflight");
  const quick = { spec: { reportByMs: 30 * SECOND }, nodes: [gone("n0", told)], watchedSinceMs };
  assert.equal(outcome({ ...quick, nowMs: watchedSinceMs + 59 * SECOND }), "wave", "as long as nodes wait");
});

test("a node that was told and lost its server is given the time to say so to another; not without end", () => {
  const told = offered({ phase: "applied" });
  const servers = new Map([["s1", T0 + 50 * SECOND]]);
  const at = (seconds: number, one: FleetNode, gone?: ReadonlyMap<string, number>) =>
    outcome({ nodes: [one], nowMs: T0 + seconds * SECOND, ...(gone && { gone }) });
  assert.equal(at(70, node("n0", told), servers), "wave");
  assert.equal(at(110, node("n0", told), servers), "halted: too-many-failed");
  const again = (seconds: number) =>
    node("n0", {
      ...told,
      connection: { server: "s2", stream: 1, instance: "aa", sinceMs: T0 + seconds * SECOND },
    });
  assert.equal(at(70, again(69)), "wave");
  assert.equal(at(80, again(69)), "halted: too-many-silent");
  assert.equal(at(120, again(119)), "halted: too-many-silent", "it comes and goes");
});

const many = (changes: Partial<Wave>): Partial<RolloutSpec> => ({
  waves: [
    wave({ name: "canary", pick: { kind: "nodes", nodes: ["n0"] } }),
    wave({ name: "rest", pick: { kind: "percent", percent: 100 }, minDone: 0.9, ...changes }),
  ],
});
const crowd = (status: (index: number) => Partial<NodeStatus>): readonly FleetNode[] => [
  node("n0", done),
  ...Array.from({ length: 20 }, (_, index) => node(`m${index}`, status(index))),
];

test("budgets: a number or a part, whichever is more; enough is a part too", () => {
  const state = { wave: 1 };
  const bad = (count: number) => crowd((index) => (index < count ? failed : done));
  assert.equal(outcome({ spec: many({ maxFailed: 1 }), state, nodes: bad(1) }), "wave 1 bakes");
  assert.equal(outcome({ spec: many({ maxFailed: 1 }), state, nodes: bad(2) }), "halted: too-many-failed");
  assert.equal(outcome({ spec: many({ maxFailedPct: 10 }), state, nodes: bad(2) }), "wave 1 bakes");
  assert.equal(outcome({ spec: many({ maxFailedPct: 50 }), state, nodes: bad(3) }), "halted: too-few-done");
  const silent = (count: number) => crowd((index) => (index < count ? offered() : done));
  assert.equal(
    outcome({ spec: many({ maxSilentPct: 10 }), state, nodes: silent(2), nowMs: LATE }),
    "wave 1 bakes",
  );
  assert.equal(
    outcome({ spec: many({ maxSilentPct: 10 }), state, nodes: silent(3), nowMs: LATE }),
    "halted: too-many-silent",
  );
  assert.equal(outcome({ spec: many({}), state, nodes: silent(2) }), "wave 1 bakes");
});

test("a halt says what the nodes that failed have in common, and others have not", () => {
  const nodes = [
    node("n0", done, { class: "cpu", zone: "a" }),
    ...Array.from({ length: 9 }, (_, index) =>
      node(`m${index}`, index < 4 ? { ...failed, containerd: "1.7.20" } : done, {
        class: index < 4 ? "gpu" : "cpu",
        zone: index % 2 ? "a" : "b",
      }),
    ),
  ];
  const { message, evidence, wave: at } = haltOf({ spec: many({}), state: { wave: 1 }, nodes });
  assert.equal(message, "wave rest: of 9 nodes 5 did well, 4 failed");
  assert.equal(at, 1);
  assert.deepEqual(evidence.nodes, ["m0", "m1", "m2", "m3"]);
  assert.deepEqual(evidence.errors, [
    { code: "gate-failed", message: "containerd did not start", count: 4, node: "m0" },
  ]);
  assert.deepEqual(evidence.factors, [
    { name: "class", value: "gpu", unwell: 4, unwellOf: 4, well: 0, wellOf: 6 },
    { name: "containerd", value: "1.7.20", unwell: 4, unwellOf: 4, well: 0, wellOf: 6 },
  ]);
});

test("what only some of the failed have in common is no common factor", () => {
  const bad = (index: number): FleetNode => node(`m${index}`, failed, { class: index < 2 ? "gpu" : "cpu" });
  const good = (index: number): FleetNode => node(`w${index}`, done, { class: "cpu" });
  const names = (list: readonly FleetNode[]) =>
    findFactors(list, [good(0), good(1)]).map(({ value }) => value);
  assert.deepEqual(names([bad(0), bad(1)]), ["gpu"]);
  assert.deepEqual(names([bad(0), bad(1), bad(2)]), []);
});

test("what is not known of the failed is no common factor", () => {
  const unknown = { ...failed, agent: "", containerd: "" };
  const factors = findFactors([node("m0", unknown, { class: "" })], [node("w0", done)]);
  assert.deepEqual(factors, []);
});

test("a wave that nobody has pulled through bakes on, and halts in the end", () => {
  const unproven = (names: readonly string[], unprovenMore = 0): Partial<NodeStatus> => ({
    running: NEW,
    offer: offerWith({ phase: "soaked", unproven: names, unprovenMore }),
  });
  const state = { wave: 1, bakingMs: T0 };
  const at = (
    one: Partial<NodeStatus>,
    other: Partial<NodeStatus>,
    nowMs = T0 + 40 * SECOND,
    changes: Partial<Wave> = {},
  ): string =>
    outcome({
      spec: many(changes),
      state,
      nodes: [node("n0", done), node("n1", one), node("n2", other)],
      nowMs,
    });
  assert.equal(at(unproven(["gcr.io"]), unproven(["gcr.io", "quay.io"])), "unproven");
  assert.equal(at(unproven(["gcr.io"]), unproven(["quay.io"])), "done");
  assert.equal(at(unproven(["gcr.io"]), done), "done");
  assert.equal(at(unproven(["gcr.io"], 9), unproven(["gcr.io"], 9)), "unproven");
  assert.equal(at(unproven([], 9), unproven([], 9)), "unproven");
  assert.equal(at(unproven(["gcr.io"]), unproven(["gcr.io"]), T0 + 300 * SECOND), "halted: unproven");
  assert.equal(at(unproven(["gcr.io"]), unproven(["gcr.io"]), undefined, { evidence: "none" }), "done");
});

test("nothing advances while paused or outside a window; in an emergency bakes are short and windows open", () => {
  const baked = { nodes: [node("n0", done)], nowMs: T0 + 600 * SECOND };
  const deed = { by: "ann", reason: "fire", atMs: T0 };
  const closed = { windows: [{ fromMinute: 0, toMinute: 60 }] };
  assert.equal(outcome({ ...baked, state: { bakingMs: T0, paused: deed } }), "paused");
  assert.equal(outcome({ ...baked, spec: closed, state: { bakingMs: T0 } }), "out-of-window");
  assert.equal(outcome({ ...baked, spec: closed, state: { bakingMs: T0, expedited: deed } }), "wave 1");
  const long = { waves: many({}).waves?.map((one) => ({ ...one, bakeMs: 900 * SECOND })) ?? [] };
  assert.equal(outcome({ ...baked, spec: long, state: { bakingMs: T0 } }), "baking");
  assert.equal(outcome({ ...baked, spec: long, state: { bakingMs: T0, expedited: deed } }), "wave 1");
  assert.equal(
    outcome({ ...baked, spec: long, state: { bakingMs: T0, expedited: deed }, nowMs: T0 + 59 * SECOND }),
    "baking",
  );
});

test("going back is over when all who can have gone back; who could not is named", () => {
  const state = { phase: "reverting" } as const;
  const back = (changes: Partial<Offer>): Partial<NodeStatus> => ({
    offer: offerWith({ mode: "revert", id: "r1/1/revert", digest: OLD.digest, ...changes }),
  });
  assert.equal(outcome({ state, nodes: [node("n0", done)] }), "reverting");
  assert.equal(outcome({ state, nodes: [node("n0", { running: NEW, ...back({}) })] }), "reverting");
  assert.equal(outcome({ state, nodes: [node("n0", back({ phase: "soaked" })), node("n1")] }), "reverted");
  const nodes = [
    node("n0", back({ phase: "failed" })),
    node("n1", { running: NEW, ...back({}) }),
    gone("n2", { running: NEW }),
  ];
  const end = run({ state, nodes, nowMs: LATE });
  assert.ok(end.kind === "write");
  assert.deepEqual([end.state.phase, end.state.left?.nodes], ["reverted", ["n0", "n1", "n2"]]);
  assert.deepEqual([end.state.generation, end.channel], [4, channelWith({ generation: 4 })]);
  assert.equal(outcome({ state: { phase: "halted" }, nodes: [] }), "halted");
  for (const phase of ["done", "reverted", "superseded"] as const)
    assert.equal(outcome({ state: { phase }, nodes: [] }), "ended");
});

test("what an operator may do, and what not", () => {
  const deed = { by: "ann", reason: "lunch", atMs: T0 + 1 };
  const command = (
    verb: Parameters<typeof commandRollout>[1],
    state: Partial<RolloutState>,
    spec: Partial<RolloutSpec> = {},
  ) => {
    const result = commandRollout({ spec: specWith(spec), state: stateWith(state) }, verb, deed);
    return result.ok ? result.state : result.message;
  };
  const halted = {
    code: "too-many-failed",
    message: "x",
    atMs: T0,
    wave: 1,
    evidence: { errors: [], nodes: [], count: 0, factors: [] },
  } as const;
  const stopped = { phase: "halted", wave: 1, halted } as const;
  assert.deepEqual(command("pause", {}), stateWith({ paused: deed }));
  assert.deepEqual(command("resume", { paused: deed, bakingMs: T0 }), stateWith({ startedMs: T0 + 1 }));
  assert.deepEqual(command("resume", stopped), stateWith({ wave: 1, startedMs: T0 + 1 }));
  assert.deepEqual(command("retry", stopped), stateWith({ wave: 1, attempt: 2, startedMs: T0 + 1 }));
  const { wave: _wave, ...inPreflight } = halted;
  assert.deepEqual(
    command("retry", { phase: "halted", halted: inPreflight }),
    stateWith({ phase: "preflight", attempt: 2, startedMs: T0 + 1 }),
  );
  assert.deepEqual(command("expedite", {}), stateWith({ expedited: deed }));
  const stop = command("halt", { wave: 1, bakingMs: T0 }, { onHalt: "revert" });
  assert.ok(typeof stop !== "string");
  assert.deepEqual(
    [stop.phase, stop.wave, stop.halted?.message, stop.bakingMs],
    ["halted", 1, "halted by ann: lunch", undefined],
  );
  const back = command("revert", stopped);
  assert.ok(typeof back !== "string");
  assert.deepEqual([back.phase, back.halted], ["reverting", halted]);
  assert.equal(command("resume", {}), "r1 is neither paused nor halted");
  assert.equal(command("pause", stopped), "r1 is halted, nothing moves");
  const paused = { by: "ben", reason: "lunch", atMs: T0 };
  assert.equal(command("pause", { paused }), "r1 is paused already, by ben: lunch");
  assert.equal(command("expedite", stopped), "r1 is halted, nothing moves: resume or retry it first");
  assert.equal(
    command("expedite", { phase: "reverting" }),
    "r1 is going back, which waits for no bake and no window",
  );
  assert.equal(command("halt", stopped), "r1 is halted already");
  assert.equal(command("revert", { phase: "reverting" }), "r1 is going back already");
  assert.equal(command("halt", { phase: "reverting" }), "r1 is going back; pause stops that");
  assert.equal(command("pause", { phase: "done" }), "r1 is over (done); start another rollout");
  const { from: _from, ...first } = specWith();
  const refusal = commandRollout({ spec: first, state: stateWith() }, "revert", deed);
  assert.match(
    refusal.ok ? "" : refusal.message,
    /^r1 is the first of its channel: there is nothing to go back to/,
  );
});

test("an end that nobody could read again is not written", () => {
  const scoped = Array.from({ length: 256 }, (_, rack) => ({
    scope: { labels: { rack: [`r${rack}`] } },
    ...OLD,
  }));
  const last = {
    spec: { scope: { labels: { class: ["cpu"] } } },
    state: { wave: 1, bakingMs: T0 },
    nodes: [node("n0", done)],
    nowMs: T0 + 40 * SECOND,
  };
  assert.equal(outcome({ ...last, channel: channelWith({ scoped: scoped.slice(1) }) }), "done");
  assert.equal(outcome({ ...last, channel: channelWith({ scoped }) }), "no-room");
});

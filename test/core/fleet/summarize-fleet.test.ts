import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetNode, NodeStatus } from "../../../src/core/fleet/node-status.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import { summarizeFleet } from "../../../src/core/fleet/summarize-fleet.ts";
import {
  channelWith,
  NEW,
  OLD,
  OTHER,
  offerWith,
  sha256,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "./support/fleet.ts";

const { connection: _connection, ...away } = statusWith();
const done: Partial<NodeStatus> = { running: NEW, offer: offerWith({ phase: "soaked" }) };
const failed: Partial<NodeStatus> = {
  offer: offerWith({ phase: "reverted", error: { code: "gate-failed", message: "x" } }),
};
const node = (id: string, changes: Partial<NodeStatus> = {}): FleetNode => ({
  id,
  labels: { class: "cpu" },
  status: statusWith({ node: id, ...changes }),
});

function summarize(
  nodes: readonly FleetNode[],
  overridden: readonly string[] = [],
  state: Partial<RolloutState> = {},
) {
  const rollouts = [
    { spec: specWith({ id: "r0", to: OTHER }), state: stateWith({ phase: "done", startedMs: T0 - 1 }) },
    { spec: specWith(), state: stateWith({ wave: 1, startedMs: T0 - 5, ...state }) },
  ];
  const view = { nodes, overridden: new Set(overridden), gone: new Map(), watchedSinceMs: T0 };
  return summarizeFleet(view, [{ name: "stable", channel: channelWith(), rollouts }], T0 + 1000, sha256);
}

test("sums, the rollout that goes on first, and what differs, the worst first", () => {
  const summary = summarize(
    [
      node("n0", done),
      node("n1", failed),
      node("n2", { running: OTHER }),
      node("n3", { source: "pinned", cloned: true }),
      node("n4", { unwell: { verdict: "failing", namespace: "gcr.io" }, drifted: true }),
      { id: "n5", labels: {}, status: { ...away, node: "n5" } },
      { id: "n6", labels: {} },
      node("n7"),
    ],
    ["n7"],
  );
  const { total, connected, gone, unseen, running, sources, rollouts, differences } = summary;
  assert.deepEqual([total, connected, gone, unseen], [8, 6, 1, 1]);
  assert.deepEqual(running, [
    { ...OLD, nodes: 5 },
    { ...NEW, nodes: 1 },
    { ...OTHER, nodes: 1 },
  ]);
  assert.deepEqual(sources, { none: 0, feed: 6, file: 0, pinned: 1 });
  assert.deepEqual(
    rollouts.map(({ id, progress }) => [id, progress]),
    [
      ["r1", { done: 1, of: 4 }],
      ["r0", undefined],
    ],
  );
  assert.deepEqual(
    rollouts[0]?.waves.map(({ name, members, isReleased, counts }) => [
      name,
      members,
      isReleased,
      counts?.done,
      counts?.failed,
    ]),
    [
      ["canary", 1, true, 1, 0],
      ["rest", 7, true, 0, 1],
    ],
  );
  assert.deepEqual(
    differences.map(({ kind, nodes }) => [kind, ...nodes]),
    [
      ["failed", "n1"],
      ["cloned", "n3"],
      ["unwell", "n4"],
      ["other-state", "n2"],
      ["drifted", "n4"],
      ["pinned-on-node", "n3"],
      ["pinned-by-fleet", "n7"],
      ["gone", "n5"],
      ["unseen", "n6"],
    ],
  );
  assert.deepEqual(differences[0]?.errors, [{ code: "gate-failed", message: "x", count: 1, node: "n1" }]);
});

test("while it goes back, progress is that of going back", () => {
  const back = offerWith({ mode: "revert", id: "r1/1/revert", digest: OLD.digest, phase: "soaked" });
  const nodes = [node("n0", { offer: back }), node("n1", done), node("n2", failed), node("n3")];
  const [rollout] = summarize(nodes, [], { phase: "reverting" }).rollouts;
  assert.deepEqual(rollout?.progress, { done: 1, of: 2 });
  assert.deepEqual(
    rollout.waves.map(({ counts }) => [counts?.done, counts?.waiting, counts?.excluded]),
    [
      [1, 0, 0],
      [0, 1, 2],
    ],
  );
});

test("of ten thousand nodes, each with something of its own, it is as short as of ten", () => {
  const digest = (index: number): string => sha256(new TextEncoder().encode(`${index}`));
  const nodes = Array.from({ length: 10_000 }, (_, index) =>
    node(`n${index}`, {
      ...failed,
      running: { digest: digest(index), serial: index + 1 },
      agent: `0.2.${index}`,
      containerd: `2.1.${index}`,
      cloned: true,
      drifted: true,
      unwell: { verdict: "failing", namespace: `r${index}.example` },
    }),
  );
  const summary = summarize(nodes);
  const text = JSON.stringify(summary);
  assert.ok(text.length < 12_000, `${text.length} characters`);
  assert.deepEqual(summary.running.at(-1), { nodes: 9994, isOthers: true });
  assert.deepEqual(
    summary.differences.map(({ kind, count }) => [kind, count]),
    [
      ["failed", 10_000],
      ["cloned", 10_000],
      ["unwell", 10_000],
      ["other-state", 10_000],
      ["drifted", 10_000],
    ],
  );
});

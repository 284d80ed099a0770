import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLOCK_OFF_MS,
  CONTROLLER_FRESH_MS,
  chooseAssignment,
  ENGINE_FRESH_MS,
  type FeedView,
} from "../../../src/core/fleet/choose-assignment.ts";
import type { NodeStatus, Offer } from "../../../src/core/fleet/node-status.ts";
import type { RolloutSpec } from "../../../src/core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import {
  channelWith,
  NEW,
  OLD,
  OTHER,
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
  readonly id?: string;
  readonly spec?: Partial<RolloutSpec>;
  readonly state?: Partial<RolloutState> | "none";
  readonly status?: Partial<NodeStatus>;
  readonly view?: Partial<FeedView>;
  readonly nowMs?: number;
}

/** `apply new`, `stable old`, or why nothing is said. */
function choose({ id = "n0", spec, state = {}, status, view, nowMs = T0 + SECOND }: Situation): string {
  const rollouts = state === "none" ? [] : [{ spec: specWith(spec), state: stateWith(state) }];
  const node = { id, labels: { class: "cpu" }, status: statusWith({ node: id, ...status }) };
  const known = { name: "stable", channel: channelWith(), rollouts, engineAgeMs: 0, beatAgeMs: 0, ...view };
  const { assignment, reason } = chooseAssignment(node, known, nowMs, sha256);
  if (assignment === undefined) return reason;
  const names = new Map([
    [OLD.digest, "old"],
    [NEW.digest, "new"],
    [OTHER.digest, "other"],
  ]);
  const token = assignment.needsToken ? " with a token" : "";
  return `${assignment.mode} ${names.get(assignment.bundle.digest)} as ${assignment.id}${token}`;
}

const { running: _running, ...nothing } = statusWith();
const noRunning = { ...nothing, running: undefined } as unknown as Partial<NodeStatus>;
const soaked = { running: NEW, offer: offerWith({ phase: "soaked" }) };
const refused = [{ digest: NEW.digest, assignmentId: "r1/1/apply" }];
const STABLE = "apply old as stable/stable/3";
const APPLY = "apply new as r1/1/apply with a token";
const HOLD = "hold new as r1/1/hold";

test("without a rollout, a node is brought to the stable state", () => {
  assert.equal(choose({ state: "none" }), "settled");
  assert.equal(choose({ state: "none", status: { running: OTHER } }), STABLE);
  assert.equal(choose({ state: "none", status: noRunning }), STABLE);
  assert.equal(
    choose({
      state: "none",
      view: { channel: channelWith({ scoped: [{ scope: { nodes: ["n0"] }, ...OTHER }] }) },
    }),
    "apply other as stable/stable/3",
  );
  const said = offerWith({ id: "stable/stable/3", digest: OLD.digest, serial: 7, phase: "applied" });
  assert.equal(choose({ state: "none", status: { running: OTHER, offer: said } }), "under-way");
  assert.equal(
    choose({ state: "none", status: { running: OTHER, offer: { ...said, sentOn: "s1/0" } } }),
    STABLE,
  );
  assert.equal(
    choose({
      state: "none",
      status: { running: OTHER, refused: [{ digest: OLD.digest, assignmentId: "x" }] },
    }),
    "refused",
  );
});

test("who answered well and does not run it is told again after a while, or on another stream", () => {
  const said = offerWith({
    id: "stable/stable/3",
    digest: OLD.digest,
    serial: 7,
    phase: "soaked",
    phaseMs: T0 + SECOND,
  });
  const lost = (after: number, offer = said): string =>
    choose({ state: "none", status: { ...noRunning, offer }, nowMs: T0 + SECOND + after });
  assert.equal(lost(0), "answered");
  assert.equal(lost(599 * SECOND), "answered");
  assert.equal(lost(600 * SECOND), STABLE);
  assert.equal(lost(0, { ...said, sentOn: "s1/0" }), STABLE);
  const override = { bundle: OTHER, reason: "x", by: "ann", atMs: T0 };
  const pinned = (after: number): string =>
    choose({
      view: { override },
      status: { offer: { ...said, ...OTHER, id: `pin/${T0}` } },
      nowMs: T0 + SECOND + after,
    });
  assert.equal(pinned(0), "answered");
  assert.equal(pinned(600 * SECOND), `apply other as pin/${T0}`);
});

test("preflight: everybody is asked once, after they have what is stable", () => {
  const state = { phase: "preflight" } as const;
  assert.equal(choose({ state }), "preflight new as r1/1/preflight");
  assert.equal(choose({ state, id: "n77" }), "preflight new as r1/1/preflight");
  assert.equal(choose({ state, status: { running: OTHER } }), STABLE);
  const said = offerWith({ id: "stable/stable/3", digest: OLD.digest, serial: 7 });
  assert.equal(choose({ state, status: { running: OTHER, offer: said } }), "under-way");
  const answered = { rolloutId: "r1", attempt: 1, ok: true };
  assert.equal(choose({ state, status: { preflight: answered } }), "settled");
  assert.equal(
    choose({ state: { ...state, attempt: 2 }, status: { preflight: answered } }),
    "preflight new as r1/2/preflight",
  );
  assert.equal(choose({ state: { ...state, paused: { by: "ann", reason: "", atMs: T0 } } }), "paused");
  assert.equal(
    choose({ state, spec: { preflight: { nodes: "none", maxFailed: 0, reportByMs: 0 } } }),
    "settled",
  );
});

test("a released wave applies; others, late joiners and reboots have what is stable", () => {
  assert.equal(choose({}), APPLY);
  assert.equal(choose({ status: noRunning }), APPLY);
  assert.equal(choose({ id: "n1" }), "settled");
  assert.equal(choose({ id: "n1", status: noRunning }), STABLE);
  assert.equal(choose({ id: "n1", status: { running: NEW } }), STABLE);
  assert.equal(choose({ id: "n1", state: { wave: 1 } }), APPLY);
  assert.equal(choose({ spec: { scope: { nodes: ["n5"] } } }), "settled");
});

test("an answer is waited for on the stream it was asked on, and asked for again on another", () => {
  assert.equal(choose({ status: { offer: offerWith() } }), "under-way");
  assert.equal(choose({ status: { offer: offerWith({ sentOn: "s1/0" }) } }), "apply new as r1/1/apply");
  assert.equal(choose({ status: { offer: offerWith() }, nowMs: T0 + 60 * SECOND }), "silent");
  const late = { status: { offer: offerWith({ sentOn: "s1/0" }) }, nowMs: T0 + 60 * SECOND };
  assert.equal(choose(late), APPLY);
  assert.equal(choose({ status: soaked }), "settled");
});

test("what a node has refused is not asked again in the same attempt, by nobody", () => {
  assert.equal(choose({ status: { refused } }), "refused");
  assert.equal(choose({ status: { offer: offerWith({ phase: "reverted" }) } }), "refused");
  assert.equal(choose({ status: { preflight: { rolloutId: "r1", attempt: 1, ok: false } } }), "refused");
  assert.equal(choose({ status: { ...soaked, running: OLD } }), "refused");
  assert.equal(choose({ status: { refused, running: OTHER } }), STABLE);
  assert.equal(
    choose({ status: { refused }, state: { attempt: 2 } }),
    "apply new as r1/2/apply with a token",
  );
  const done = channelWith({ stable: NEW, generation: 4 });
  assert.equal(
    choose({ state: { phase: "done", generation: 4 }, view: { channel: done }, status: { refused } }),
    "refused",
  );
});

test("who has refused the stable state untouched is asked again later, less often each time, and soon on another stream", () => {
  const MINUTE = 60 * SECOND;
  const said = (attempt: number, changes: Partial<Offer> = {}): Partial<NodeStatus> => {
    const id = attempt === 1 ? "stable/stable/3" : `stable/stable/3/${attempt}`;
    const offer = offerWith({ ...OLD, id, attempt, phase: "rejected", phaseMs: T0, ...changes });
    const { rolloutId: _rollout, owner: _owner, ...own } = offer;
    return { ...noRunning, offer: own, refused: [{ digest: OLD.digest, assignmentId: id }] };
  };
  const after = (ms: number, status: Partial<NodeStatus>): string =>
    choose({ state: "none", status, nowMs: T0 + ms });
  assert.equal(after(9 * MINUTE, said(1)), "refused-for-now");
  assert.equal(after(10 * MINUTE, said(1)), `${STABLE}/2`);
  assert.equal(after(20 * MINUTE - 1, said(2)), "refused-for-now");
  assert.equal(after(20 * MINUTE, said(2)), `${STABLE}/3`);
  assert.equal(after(360 * MINUTE, said(60)), `${STABLE}/61`);
  const anew = { sentOn: "s1/0" };
  assert.equal(after(MINUTE - 1, said(1, anew)), "refused-for-now");
  assert.equal(after(MINUTE, said(1, anew)), `${STABLE}/2`);
  assert.equal(after(MINUTE, said(2, anew)), "refused-for-now");
  assert.equal(after(-MINUTE * 20, said(1)), `${STABLE}/2`, "a clock that was put back");
  // A try that is under way is the same one on another stream.
  const trying = (sentOn: string): Partial<NodeStatus> => {
    const { phase: _phase, ...offer } = said(2, { sentOn }).offer ?? offerWith();
    return { ...said(1), offer };
  };
  assert.equal(after(MINUTE, trying("s1/1")), "under-way");
  assert.equal(after(MINUTE, trying("s1/0")), `${STABLE}/2`);
  // What it has tried and gone back from is for an operator.
  assert.equal(after(600 * MINUTE, said(1, { phase: "reverted" })), "refused");
  assert.equal(after(600 * MINUTE, said(1, { phase: "failed", ...anew })), "refused");
  const other = said(1, { ...OTHER, id: "r0/1/preflight", mode: "preflight", phase: "preflight-ok" });
  assert.equal(after(10 * MINUTE, other), `${STABLE}/2`);
  assert.equal(after(600 * MINUTE, { ...other, running: OTHER }), "refused");
  assert.equal(after(10 * MINUTE, { ...said(1), running: OTHER }), `${STABLE}/2`);
  const done = choose({
    state: { phase: "done", generation: 4 },
    view: { channel: channelWith({ stable: NEW, generation: 4 }) },
    status: { refused, offer: offerWith({ phase: "rejected", phaseMs: T0 }) },
    nowMs: T0 + 10 * MINUTE,
  });
  assert.equal(done, "apply new as stable/stable/4/2");
});

test("a dead controller and an old view freeze: nothing new is handed out, who is under way goes on", () => {
  const dead = { beatAgeMs: CONTROLLER_FRESH_MS + 1 };
  assert.equal(choose({ view: { beatAgeMs: CONTROLLER_FRESH_MS } }), APPLY);
  assert.equal(choose({ view: dead }), "controller-silent");
  assert.equal(choose({ view: dead, status: { offer: offerWith() } }), "under-way");
  assert.equal(choose({ view: dead, status: { offer: offerWith({ sentOn: "s1/0" }) } }), "controller-silent");
  assert.equal(choose({ view: dead, state: { phase: "preflight" } }), "controller-silent");
  assert.equal(choose({ view: dead, status: noRunning }), STABLE);
  const old = { engineAgeMs: ENGINE_FRESH_MS + 1 };
  assert.equal(choose({ view: old }), "engine-stale");
  assert.equal(choose({ view: old, status: noRunning }), STABLE);
  assert.equal(choose({ view: old, status: { running: OTHER } }), "engine-stale");
  assert.equal(choose({ state: { phase: "done", generation: 4 }, status: { running: NEW } }), "engine-stale");
});

test("clocks that disagree freeze: by them an answer would be late at once, or never", () => {
  const off = { clockOffMs: -CLOCK_OFF_MS - 1 };
  assert.equal(choose({ view: { clockOffMs: CLOCK_OFF_MS } }), APPLY);
  assert.equal(choose({ view: off }), "clock-off");
  assert.equal(choose({ view: { clockOffMs: 3_600_000 } }), "clock-off");
  assert.equal(choose({ view: off, status: { offer: offerWith() } }), "under-way");
  assert.equal(choose({ view: off, status: { offer: offerWith({ sentOn: "s1/0" }) } }), "clock-off");
  assert.equal(choose({ view: off, state: { phase: "preflight" } }), "clock-off");
  assert.equal(choose({ view: off, status: noRunning }), STABLE);
  assert.equal(choose({ view: off, state: "none", status: { running: OTHER } }), STABLE);
  // Taking back waits for no clock.
  const reverting = { state: { phase: "reverting" }, status: soaked } as const;
  assert.equal(choose({ ...reverting, view: off }), choose(reverting));
  assert.match(choose(reverting), /^revert old/);
});

test("pause and windows keep new nodes back, and nobody else", () => {
  const paused = { by: "ann", reason: "", atMs: T0 };
  assert.equal(choose({ state: { paused } }), "paused");
  assert.equal(choose({ state: { paused }, status: { offer: offerWith() } }), "under-way");
  const closed = { windows: [{ fromMinute: 0, toMinute: 60 }] };
  assert.equal(choose({ spec: closed }), "out-of-window");
  assert.equal(choose({ spec: closed, state: { expedited: paused } }), APPLY);
});

test("after a halt: who waits is held back, who has it keeps it, who has not gets what is stable", () => {
  const state = { phase: "halted" } as const;
  assert.equal(choose({ state }), "halted");
  assert.equal(choose({ state, status: { offer: offerWith() } }), HOLD);
  assert.equal(choose({ state, status: { offer: offerWith({ phase: "verified" }) } }), HOLD);
  assert.equal(choose({ state, status: { offer: offerWith({ mode: "hold", id: "r1/1/hold" }) } }), "halted");
  assert.equal(choose({ state, status: { running: NEW, offer: offerWith({ phase: "applied" }) } }), "halted");
  assert.equal(choose({ state, status: soaked }), "halted");
  assert.equal(choose({ state, status: noRunning }), STABLE);
});

test("reverting: who runs the new state, or may, is told to go back, with a token; the rest is left alone", () => {
  const state = { phase: "reverting" } as const;
  const REVERT = "revert old as r1/1/revert with a token";
  assert.equal(choose({ state }), "settled");
  assert.equal(choose({ state, status: soaked }), REVERT);
  assert.equal(choose({ state, status: { running: NEW } }), REVERT);
  assert.equal(choose({ state, status: { offer: offerWith() } }), HOLD);
  assert.equal(choose({ state, status: { offer: offerWith({ mode: "hold", id: "r1/1/hold" }) } }), REVERT);
  assert.equal(choose({ state, status: { running: NEW, offer: offerWith({ phase: "applied" }) } }), REVERT);
  assert.equal(choose({ state, status: { offer: offerWith({ phase: "failed" }) } }), "settled");
  const back = offerWith({ mode: "revert", id: "r1/1/revert", digest: OLD.digest });
  assert.equal(choose({ state, status: { running: NEW, offer: back } }), "under-way");
  assert.equal(choose({ state, status: { offer: { ...back, phase: "soaked" } } }), "settled");
  assert.equal(choose({ state, status: { running: NEW, offer: { ...back, phase: "failed" } } }), "refused");
  assert.equal(choose({ state, status: soaked, view: { beatAgeMs: 60_000 } }), "controller-silent");
});

test("when it is over, the channel speaks: those that were away follow", () => {
  const channel = channelWith({ stable: NEW, generation: 4 });
  const over = { state: { phase: "done", generation: 4 } as const, view: { channel } };
  assert.equal(choose({ ...over, status: soaked }), "settled");
  assert.equal(choose(over), "apply new as stable/stable/4");
  assert.equal(choose({ ...over, status: { offer: offerWith({ phase: "applied" }) } }), "under-way");
  assert.equal(choose({ state: { phase: "reverted" }, status: { running: NEW } }), STABLE);
  assert.equal(choose({ state: { phase: "reverted" }, status: { offer: offerWith() } }), HOLD);
});

test("nodes that a superseded rollout has reached are left alone until their wave", () => {
  const spec = { supersedes: [{ id: "r0", digest: OTHER.digest }] };
  assert.equal(choose({ id: "n1", spec, status: { running: OTHER } }), "settled");
  assert.equal(choose({ id: "n1", spec: {}, status: { running: OTHER } }), STABLE);
  assert.equal(choose({ spec, status: { running: OTHER } }), APPLY);
  assert.equal(
    choose({ spec, state: { phase: "reverting" }, status: { running: OTHER } }),
    "revert old as r1/1/revert with a token",
  );
});

test("a pin on the node wins over everything, one of the fleet over the rollout", () => {
  const override = { reason: "x", by: "ann", atMs: T0 };
  assert.equal(choose({ status: { source: "pinned" } }), "pinned-on-node");
  assert.equal(choose({ status: { source: "pinned" }, view: { override } }), "pinned-on-node");
  assert.equal(choose({ view: { override } }), "pinned-by-fleet");
  assert.equal(choose({ view: { override }, status: { offer: offerWith() } }), HOLD);
  const pinned = { override: { ...override, bundle: OTHER } };
  assert.equal(choose({ view: pinned }), `apply other as pin/${T0}`);
  assert.equal(choose({ view: pinned, status: { running: OTHER } }), "pinned-by-fleet");
  assert.equal(
    choose({ view: pinned, status: { refused: [{ digest: OTHER.digest, assignmentId: `pin/${T0}` }] } }),
    "refused",
  );
  assert.equal(choose({ view: { ...pinned, engineAgeMs: 60_000 } }), "engine-stale");
});

test("an assignment says what the wave and the rollout want of it", () => {
  const told = (evidence: "none" | "one" | "every") => {
    const rollout = {
      spec: specWith({ waves: [wave({ pick: { kind: "percent", percent: 100 }, evidence })] }),
      state: stateWith(),
    };
    const view = {
      name: "stable",
      channel: channelWith(),
      rollouts: [rollout],
      engineAgeMs: 0,
      beatAgeMs: 0,
    };
    return chooseAssignment({ id: "n0", labels: {}, status: statusWith() }, view, T0, sha256).assignment;
  };
  assert.deepEqual(told("one"), {
    id: "r1/1/apply",
    rolloutId: "r1",
    wave: 0,
    attempt: 1,
    mode: "apply",
    bundle: NEW,
    spreadMs: 10 * SECOND,
    soakMs: 20 * SECOND,
    reportByMs: 60 * SECOND,
    needsObserved: false,
    needsToken: true,
  });
  assert.deepEqual([told("none")?.needsObserved, told("every")?.needsObserved], [false, true]);
});

test("a node that has nothing does not wait long", () => {
  const view = { name: "stable", channel: channelWith(), rollouts: [], engineAgeMs: 0, beatAgeMs: 0 };
  const { running: _running, ...empty } = statusWith();
  const spread = (status: NodeStatus) =>
    chooseAssignment({ id: "n0", labels: {}, status }, view, T0, sha256).assignment?.spreadMs;
  assert.deepEqual([spread(empty), spread({ ...empty, running: OTHER })], [5 * SECOND, 60 * SECOND]);
});

test("two rollouts for one node: neither", () => {
  const rollouts = [specWith(), specWith({ id: "r2" })].map((spec) => ({ spec, state: stateWith() }));
  assert.equal(choose({ view: { rollouts } }), "overlapping-rollouts");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_EVIDENCE, type RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import { describeControllerNotice } from "../../../src/fleet/controller/describe-notice.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import { stateWith, T0 } from "../../core/fleet/support/fleet.ts";

const halted = {
  code: "too-many-failed",
  message: "wave canary: of 1 nodes 0 did well, 1 failed",
  atMs: T0,
  wave: 0,
  evidence: { ...NO_EVIDENCE, nodes: ["n0"], count: 1 },
} as const;

test("each step of a rollout has its words", () => {
  const steps: readonly (readonly [Partial<RolloutState>, Partial<RolloutState>, string])[] = [
    [{ phase: "preflight" }, {}, "info wave 1 begins"],
    [{}, { bakingMs: T0 }, "info enough of wave 1 are done: it is watched"],
    [{ bakingMs: T0 }, { wave: 1 }, "info wave 2 begins"],
    [{}, { phase: "halted", halted }, `error the rollout halts, nobody else is told: ${halted.message}`],
    [
      {},
      { phase: "reverting", halted },
      `error the rollout halts, nodes get back what they had: ${halted.message}`,
    ],
    [
      { phase: "halted", halted },
      { phase: "halted", halted: { ...halted, isWhole: true } },
      "info all that had been told have answered since the halt: 1 did not do well",
    ],
    [{ phase: "reverting", halted }, { phase: "reverted", halted }, "info the rollout is taken back"],
    [
      { phase: "reverting" },
      { phase: "reverted", left: { ...NO_EVIDENCE, count: 2 } },
      "info the rollout is taken back, but for 2 nodes",
    ],
    [{}, { phase: "done" }, "info the rollout is over: what it brought is stable"],
    // After a resume, an old halt is no news.
    [{ halted, wave: 0 }, { halted, wave: 1 }, "info wave 2 begins"],
  ];
  for (const [before, state, words] of steps) {
    const notice = {
      kind: "decided",
      rollout: "r1",
      before: stateWith(before),
      state: stateWith(state),
    } as const;
    const { level, message, fields } = describeControllerNotice(notice);
    assert.equal(`${level} ${message}`, words);
    assert.equal(fields["rollout"], "r1");
  }
});

test("what goes wrong says what it means", () => {
  const error = new EngineError("unavailable", "no member answers");
  const failed = describeControllerNotice({ kind: "failed", what: "the controller's beat", error });
  assert.equal(
    failed.message,
    "the controller's beat could not be written, and is tried again: no member answers",
  );
  const bug = describeControllerNotice({
    kind: "bug",
    rollout: "r1",
    error: new TypeError("x is undefined"),
  });
  assert.match(bug.message, /^internal error, .* stands still: TypeError: x is undefined/);
  const blind = describeControllerNotice({ kind: "blind", ageMs: 12_400 });
  assert.equal(blind.message, "the records are 12 s old: nothing is decided by them");
});

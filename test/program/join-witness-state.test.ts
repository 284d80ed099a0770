import assert from "node:assert/strict";
import { test } from "node:test";
import type { SourceState } from "../../src/core/evidence/evidence-report.ts";
import { joinWitnessState } from "../../src/program/join-witness-state.ts";

test("what ails image events is said of the witness, which stays as up as it is", () => {
  const told: SourceState[] = [];
  const state = joinWitnessState((one) => told.push(one));
  state.imageEvents({ up: false, message: "not connected" });
  assert.deepEqual(told, [], "the witness has not told how it is");
  const steps: readonly (readonly [() => void, boolean, string])[] = [
    [
      () => state.witness({ source: "witness", up: true, message: "" }),
      true,
      "pulls that succeed go uncounted where traces do not show them: not connected",
    ],
    [() => state.imageEvents({ up: true, message: "" }), true, ""],
    [() => state.imageEvents({ up: true, message: "3 were dropped" }), true, "3 were dropped"],
    [
      () => state.witness({ source: "witness", up: false, message: "cannot listen" }),
      false,
      "cannot listen; 3 were dropped",
    ],
    [() => state.imageEvents({ up: true, message: "" }), false, "cannot listen"],
  ];
  for (const [step, up, message] of steps) {
    step();
    assert.deepEqual(told.at(-1), { source: "witness", up, message });
  }
});

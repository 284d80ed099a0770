import assert from "node:assert/strict";
import { test } from "node:test";
import { pushFix } from "../../../../src/core/bundle/push/push-fix.ts";
import { describeFailure } from "../../../../src/core/evidence/describe-failure.ts";

test("whoever pushes or dumps is on no node", () => {
  const failure = describeFailure({ phase: "dns", code: "no-such-host", host: "mirror.example" });
  const { cause, fix } = pushFix(failure);
  assert.equal(cause, "the name mirror.example cannot be resolved here: no such host");
  assert.doesNotMatch(fix, /\bnode\b/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROLLER_PACE } from "../../../src/fleet/controller/controller-options.ts";
import { watchFreshness } from "../../../src/fleet/controller/watch-freshness.ts";

test("after every gap servers are given time to write what they were told in it", () => {
  let nowMs = 1_000;
  let ageMs = Number.POSITIVE_INFINITY;
  const pace = { ...CONTROLLER_PACE, freshMs: 8_000, settleMs: 10_000 };
  const look = watchFreshness(
    () => ageMs,
    () => nowMs,
    pace,
  );
  const after = (ms: number, age: number) => {
    nowMs += ms;
    ageMs = age;
    return look();
  };
  assert.deepEqual(look(), { is: "blind", forMs: 0 });
  assert.deepEqual(after(5_000, Number.POSITIVE_INFINITY), { is: "blind", forMs: 5_000 });
  assert.deepEqual(after(1_000, 100), { is: "settling" });
  assert.deepEqual(after(9_999, 8_000), { is: "settling" });
  assert.deepEqual(after(1, 100), { is: "fresh" });
  assert.deepEqual(after(60_000, 100), { is: "fresh" });
  assert.deepEqual(after(1_000, 8_001), { is: "blind", forMs: 0 });
  assert.deepEqual(after(3_000, 11_001), { is: "blind", forMs: 3_000 });
  assert.deepEqual(after(1_000, 100), { is: "settling" });
  assert.deepEqual(after(10_000, 100), { is: "fresh" });
});

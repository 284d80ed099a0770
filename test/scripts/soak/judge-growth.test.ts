import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf, isLeak } from "../../../scripts/lib/soak/judge-growth.ts";
import { seededRandom } from "../../../scripts/lib/soak/random.ts";

const MINUTE = 60_000;
const limit = { perHour: 1, noise: 6 };

/** `perHour` on top of a sawtooth of ±`noise`, once a minute. */
function hour(perHour: number, noise: number, seed = 1) {
  const random = seededRandom(seed);
  return Array.from({ length: 60 }, (_, i) => ({
    atMs: i * MINUTE,
    value: 100 + (perHour * i) / 60 + (random.next() * 2 - 1) * noise,
  }));
}

test("steady growth is a leak, through the noise of a garbage collector", () => {
  for (const seed of [1, 2, 3, 4, 5]) assert.ok(isLeak(hour(12, 3, seed), limit), `seed ${seed}`);
});

test("noise is no leak, nor is one odd point, nor a step while it warms up", () => {
  for (const seed of [1, 2, 3, 4, 5]) assert.ok(!isLeak(hour(0, 5, seed), limit), `seed ${seed}`);
  const odd = hour(0, 0).map((point, i) => (i === 59 ? { ...point, value: 200 } : point));
  assert.ok(!isLeak(odd, limit));
  const step = hour(0, 1).map((point, i) => (i < 5 ? { ...point, value: 70 } : point));
  assert.ok(!isLeak(step, limit));
});

test("the slope is that of the points; three are too few for one", () => {
  const growth = growthOf(hour(30, 0));
  assert.ok(growth !== undefined);
  assert.equal(Math.round(growth.perHour), 30);
  assert.equal(Math.round(growth.surelyPerHour), 30);
  assert.equal(growthOf(hour(30, 0).slice(0, 3)), undefined);
});

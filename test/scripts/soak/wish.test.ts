import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../scripts/lib/soak/random.ts";
import { baseline, breakWish, randomWish, type World } from "../../../scripts/lib/soak/wish.ts";

const steady = { name: "steady", endpoint: "http://127.0.0.1:5000/v2/all" };
const world: World = {
  mirrors: [
    { name: "a", endpoint: "http://127.0.0.1:5001/v2/all" },
    { name: "b", endpoint: "http://127.0.0.1:5002/v2/all" },
  ],
  steady,
  closed: "closed.example",
  open: ["gcr.io", "quay.io"],
  canary: "gcr.io/team/app:1",
};

test("the same seed makes the same run", () => {
  const run = () => {
    const random = seededRandom(42);
    return Array.from({ length: 20 }, (_, i) => [
      randomWish(random, world, i, 5).text,
      Buffer.from(breakWish(random, baseline(world, i).text).bytes).toString("latin1").length,
    ]);
  };
  assert.deepEqual(run(), run());
});

test("the closed registry is always there, and always with the mirror that works", () => {
  const random = seededRandom(1);
  for (let i = 0; i < 100; i++)
    assert.deepEqual(randomWish(random, world, i, 3).registries.get("closed.example"), [steady]);
});

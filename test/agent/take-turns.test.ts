import assert from "node:assert/strict";
import { test } from "node:test";
import { inTurns, takeTurns } from "../../src/agent/take-turns.ts";
import { mapGradually } from "../../src/core/gradual.ts";

/** Each question for the time takes 5 ms, so that the fourth after a turn finds the slice over. */
function slowClock() {
  let [nowMs, turns] = [0, 0];
  return {
    loopMs: () => {
      nowMs += 5;
      return nowMs;
    },
    turn: async () => {
      turns += 1;
    },
    turns: () => turns,
  };
}

test("others have their turn each time a slice is over, and not before", async () => {
  const clock = slowClock();
  const turn = takeTurns(clock);
  for (let item = 0; item < 3; item++) await turn();
  assert.equal(clock.turns(), 0);
  await turn();
  assert.equal(clock.turns(), 1);
  for (let item = 0; item < 3; item++) await turn();
  assert.equal(clock.turns(), 1);
});

test("what is laid down is taken up again, with its result", async () => {
  const clock = slowClock();
  const items = Array.from({ length: 40 }, (_, index) => index);
  const doubled = await inTurns(
    mapGradually(items, (item) => item * 2),
    clock,
  );
  assert.deepEqual(
    doubled,
    items.map((item) => item * 2),
  );
  assert.equal(clock.turns(), 10);
});

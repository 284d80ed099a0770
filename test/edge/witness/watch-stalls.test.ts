import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { watchStalls } from "../../../src/edge/witness/watch-stalls.ts";

test("a thread that was frozen knows it afterwards", async (t) => {
  let stalls = 0;
  t.after(watchStalls(10, 500, () => stalls++));
  await sleep(50);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  for (let i = 0; i < 100 && stalls === 0; i++) await sleep(20);
  assert.equal(stalls, 1);
});

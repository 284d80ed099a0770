import assert from "node:assert/strict";
import { test } from "node:test";
import type { RestartEntry } from "../../src/agent/apply-record.ts";
import type { Clock } from "../../src/agent/ports.ts";
import { restartWaitMs, withRestart } from "../../src/agent/restart-budget.ts";

function clockAt(uptimeMs: number, bootId = "b1", now = 0): Clock {
  const nothing = async () => undefined;
  const times = { now: () => now, uptimeMs: () => uptimeMs, loopMs: () => uptimeMs };
  return { bootId, ...times, sleep: nothing, turn: nothing };
}

test("one restart a minute for changes, the second is kept for a rollback", () => {
  const one = withRestart([], clockAt(1000));
  assert.equal(restartWaitMs(one, clockAt(1000)), 60_000);
  assert.equal(restartWaitMs(one, clockAt(31_000)), 30_000);
  assert.equal(restartWaitMs(one, clockAt(61_000)), 0);
});

test("five an hour for changes", () => {
  let entries: readonly RestartEntry[] = [];
  for (let index = 0; index < 5; index += 1) entries = withRestart(entries, clockAt(index * 120_000));
  assert.equal(restartWaitMs(entries, clockAt(600_000)), 3_600_000 - 600_000);
  assert.equal(restartWaitMs(entries, clockAt(3_600_000)), 0);
});

test("the wall clock grants and takes nothing; a boot starts afresh", () => {
  const one = withRestart([], clockAt(1000));
  assert.equal(restartWaitMs(one, clockAt(2000, "b1", 10 * 365 * 86_400_000)), 59_000);
  assert.equal(restartWaitMs(one, clockAt(500, "b2")), 0);
});

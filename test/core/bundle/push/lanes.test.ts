import assert from "node:assert/strict";
import { test } from "node:test";
import { createLanes, type Lane } from "../../../../src/core/bundle/push/lanes.ts";

/** Work that ends when it is told to. */
function startWork(lanes: ReturnType<typeof createLanes>) {
  const started: { lane: Lane; end: () => void }[] = [];
  const begin = (): Promise<void> =>
    lanes.run((lane) => new Promise<void>((resolve) => started.push({ lane, end: resolve })));
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { started, begin, settle };
}

test("no more than the limit at once, in the order of arrival", async () => {
  const { started, begin, settle } = startWork(createLanes(2));
  const all = [begin(), begin(), begin()];
  await settle();
  assert.equal(started.length, 2);
  started[0]?.end();
  await settle();
  assert.equal(started.length, 3);
  started[1]?.end();
  started[2]?.end();
  await Promise.all(all);
});

test("choking halves the limit once for all that were under way, again for those that began later, down to one", async () => {
  const lanes = createLanes(8);
  const { started, begin, settle } = startWork(lanes);
  const all = Array.from({ length: 9 }, begin);
  await settle();
  for (const { lane } of started) lane.choked();
  assert.equal(lanes.limit(), 4);
  // Their next tries were made at the lower limit.
  started[0]?.lane.choked();
  assert.equal(lanes.limit(), 2);
  started[1]?.lane.choked();
  started[1]?.lane.choked();
  assert.equal(lanes.limit(), 1);
  for (let at = 0; at < 9; at++) {
    started[at]?.end();
    await settle();
  }
  await Promise.all(all);
});

test("twenty clean pieces of work raise the limit by one, up to where it began", async () => {
  const steps: number[] = [];
  const lanes = createLanes(4, (limit) => steps.push(limit));
  await lanes.run(async (lane) => lane.choked());
  for (let n = 0; n < 100; n++) await lanes.run(async () => {});
  assert.deepEqual(steps, [2, 3, 4]);
});

test("work that fails frees its lane", async () => {
  const lanes = createLanes(1);
  await assert.rejects(lanes.run(() => Promise.reject(new Error("no"))));
  assert.equal(await lanes.run(async () => "next"), "next");
});

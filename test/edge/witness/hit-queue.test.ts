import assert from "node:assert/strict";
import { test } from "node:test";
import type { WitnessHit } from "../../../src/core/evidence/pull.ts";
import { createHitQueue } from "../../../src/edge/witness/hit-queue.ts";

const hit = (atMs: number): WitnessHit => ({
  atMs,
  registry: "gcr.io",
  repository: "a",
  kind: "blob",
  method: "GET",
  object: "x",
});

test("a main thread that takes nothing gets one batch, and what is too much is counted, not kept", () => {
  const posted: { hits: readonly WitnessHit[]; lost: number }[] = [];
  const queue = createHitQueue((batch) => posted.push(batch));
  for (let i = 0; i < 5000; i++) queue.add(hit(i));
  assert.deepEqual(
    posted.map(({ hits }) => hits.map(({ atMs }) => atMs)),
    [[0]],
  );
  for (let i = 0; i < 20; i++) queue.taken();
  const times = posted.flatMap(({ hits }) => hits.map(({ atMs }) => atMs));
  assert.deepEqual(times, [...Array(1025).keys()], "the first ones, in order");
  assert.ok(posted.every(({ hits }) => hits.length <= 256));
  assert.equal(
    posted.reduce((sum, { lost }) => sum + lost, 0),
    5000 - 1025,
  );
});

test("a loss is told once, and when nothing else is to be told, too", () => {
  const posted: number[] = [];
  const queue = createHitQueue(({ lost }) => posted.push(lost));
  queue.lose();
  queue.lose();
  queue.lose();
  queue.taken();
  queue.taken();
  assert.deepEqual(posted, [1, 2]);
});

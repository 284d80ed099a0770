import assert from "node:assert/strict";
import { test } from "node:test";
import { createBundleProgress } from "../../src/cli/bundle-progress.ts";

function drawn(columns: number | undefined) {
  const lines: string[] = [];
  let nowMs = 0;
  const progress = createBundleProgress("dumping to", "b.tar", (text) => lines.push(text), {
    now: () => nowMs,
    progressColumns: columns,
  });
  const at = (ms: number, done: number): void => {
    nowMs = ms;
    progress.note(done, 50_000_000);
  };
  return { lines, at, progress };
}

test("the first bytes make no guess at the time that is left", () => {
  const { lines, at } = drawn(80);
  at(300, 512);
  at(4_000, 10_000_000);
  assert.match(lines[0] ?? "", /512 B of 50\.0 MB, 0 %, 1\.7 kB\/s$/);
  assert.match(lines[1] ?? "", /10\.0 MB of 50\.0 MB, 20 %, 2\.5 MB\/s, 0:16 left$/);
});

test("waits are told one at a time, on a line of their own", () => {
  const { lines, at, progress } = drawn(80);
  at(300, 512);
  for (let lane = 0; lane < 4; lane++) progress.tellWait("again in 0:03: it answers 503");
  at(6_000, 1_024);
  progress.tellWait("again in 0:06: it answers 503");
  progress.end();
  assert.deepEqual(lines.slice(1, 3), ["\r\u001b[K", "again in 0:03: it answers 503\n"]);
  assert.deepEqual(lines.slice(4), ["\r\u001b[K", "again in 0:06: it answers 503\n"]);
});

test("what is counted is told by its number, and without a terminal in lines, now and then", () => {
  const { lines, progress, at } = drawn(undefined);
  at(6_000, 0);
  progress.count(3, 200);
  assert.deepEqual(lines, ["dumping to b.tar: 0 B of 50.0 MB, 0 %, 0 B/s\n"]);
});

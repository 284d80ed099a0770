import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createSettledReads } from "../../src/edge/settle-reads.ts";

const QUIET_MS = 50;

/** A source that is read in no time; how often it was, and how often a reading was asked for. */
function source(maxMs = 5000) {
  const seen = { text: "old", asked: 0, reads: 0 };
  const reads = createSettledReads(QUIET_MS, maxMs, () => {
    seen.asked++;
  });
  const read = (): Promise<string> =>
    reads.settled(async () => {
      seen.reads++;
      return seen.text;
    });
  const write = (text: string): void => {
    seen.text = text;
    reads.touched();
  };
  return { seen, reads, read, write };
}

test("a touch asks for a reading at once, and once until it has begun", async () => {
  const { seen, read, write } = source();
  write("a");
  assert.equal(seen.asked, 1);
  write("b");
  write("c");
  assert.equal(seen.asked, 1);
  assert.equal(await read(), "c");
  assert.deepEqual([seen.asked, seen.reads], [1, 1]);
  write("d");
  assert.equal(seen.asked, 2);
});

test("what is read while somebody writes does not count, and nobody has to ask again", async () => {
  const { seen, read, write } = source();
  write("first half");
  const reading = read();
  await sleep(QUIET_MS / 2);
  write("whole");
  assert.equal(await reading, "whole");
  assert.deepEqual([seen.asked, seen.reads], [1, 2]);
});

test("what was touched before the reading began is read once, and not handed out too early", async () => {
  const { seen, read, write } = source();
  write("a");
  const touchedMs = performance.now();
  await read();
  assert.ok(performance.now() - touchedMs >= QUIET_MS - 1);
  assert.equal(seen.reads, 1);
});

test("touches of one turn of the event loop are one change", async () => {
  const { seen, read, write } = source();
  write("a");
  const reading = read();
  write("b");
  assert.equal(await reading, "b");
  assert.deepEqual([seen.asked, seen.reads], [1, 1]);
});

test("a flood is cut off, and what came last is asked for", async () => {
  const { seen, read, write } = source(4 * QUIET_MS);
  write("0");
  const flood = setInterval(() => write(`${seen.reads}`), QUIET_MS / 5);
  await read();
  clearInterval(flood);
  assert.equal(seen.asked, 2);
  write("last");
  assert.equal(seen.asked, 2);
  assert.equal(await read(), "last");
});

test("a reading that fails leaves the way free for the next", async () => {
  const { seen, reads, write } = source();
  await assert.rejects(
    reads.settled(async () => {
      write("meanwhile");
      throw new Error("unreadable");
    }),
    /unreadable/,
  );
  assert.equal(seen.asked, 1);
});

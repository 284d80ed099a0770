import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { prefetchBlobs } from "../../../src/bundle/download/prefetch-blobs.ts";

const CHUNK = 100;

/** Sends bytes of its own number, in chunks, as fast as they are taken. */
function sender(sizes: readonly number[]) {
  const wanted = sizes.map((size, number) => ({ size, number }));
  let held = 0;
  let most = 0;
  const begun: number[] = [];
  return {
    wanted,
    begun,
    most: () => most,
    taken: (bytes: number) => {
      held -= bytes;
    },
    async fetch(
      one: { size: number; number: number },
      take: (chunk: Uint8Array) => Promise<void>,
    ): Promise<void> {
      begun.push(one.number);
      for (let left = one.size; left > 0; left -= CHUNK) {
        await sleep(1);
        const chunk = new Uint8Array(Math.min(CHUNK, left)).fill(one.number);
        held += chunk.length;
        most = Math.max(most, held);
        await take(chunk);
      }
    },
  };
}

test("content comes in its order, whole, with a few ahead and never more than the budget in memory", async () => {
  const sizes = [300, 5_000, 0, 200, 4_000, 100, 100, 100, 900, 2_500];
  const source = sender(sizes);
  const content = prefetchBlobs(source.wanted, { fetch: source.fetch, budgetBytes: 2_000 });
  for (const [number, size] of sizes.entries()) {
    let got = 0;
    for await (const chunk of content(number)) {
      assert.ok(chunk.every((byte) => byte === number));
      got += chunk.length;
      source.taken(chunk.length);
      await sleep(1);
    }
    assert.equal(got, size);
    if (number === 0) assert.ok(source.begun.includes(1), "the next one did not begin before its turn");
  }
  // Of a large one what is being taken counts beside what comes meanwhile.
  assert.ok(source.most() <= 2_000 + 500 + CHUNK, `${source.most()} bytes were held`);
});

test("what fits in its share is handed out when all of it has come, and can begin anew before", async () => {
  const one = { size: 250 };
  let tries = 0;
  const content = prefetchBlobs([one], {
    budgetBytes: 1_000,
    async fetch(_, take, startAnew) {
      for (const fill of [1, 2]) {
        tries += 1;
        if (fill === 2) startAnew?.();
        await take(new Uint8Array(250).fill(fill));
        await sleep(5);
      }
    },
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of content(0)) chunks.push(chunk);
  assert.equal(tries, 2);
  assert.deepEqual(Buffer.concat(chunks), Buffer.alloc(250, 2));
});

test("a failure comes out where its content is taken; what is larger than its share cannot begin anew", async () => {
  let mayBeginAnew: boolean | undefined;
  const content = prefetchBlobs([{ size: 900 }], {
    budgetBytes: 1_000,
    async fetch(_, take, startAnew) {
      mayBeginAnew = startAnew !== undefined;
      await take(new Uint8Array(100));
      throw new Error("broken");
    },
  });
  await assert.rejects(async () => {
    for await (const _ of content(0));
  }, /broken/);
  assert.equal(mayBeginAnew, false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import {
  NO_TOKENS,
  readTokens,
  reclaimTokens,
  returnTokens,
  sizeOf,
  takeTokens,
} from "../../../src/core/fleet/share-tokens.ts";

const server = fc.constantFrom("s1", "s2", "s3", "s4");
const step = fc.oneof(
  fc.record({ kind: fc.constant("take" as const), server, want: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant("tell" as const), server }),
  fc.record({ kind: fc.constant("answer" as const), server }),
  fc.record({ kind: fc.constant("return" as const), server }),
  fc.record({ kind: fc.constant("die" as const), server }),
  fc.record({ kind: fc.constant("reclaim" as const) }),
  fc.record({ kind: fc.constant("grow" as const), more: fc.integer({ min: 0, max: 4 }) }),
);

test("whichever servers take, tell, give back and die, no more nodes are in flight than may be", () => {
  let most = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 120 }), (first, steps) => {
      let [cap, blocks] = [first, NO_TOKENS];
      const flights = new Map<string, number>();
      const dead = new Set<string>();
      const flightsOf = (id: string): number => flights.get(id) ?? 0;
      for (const one of steps) {
        if ("server" in one && one.kind !== "answer" && dead.has(one.server)) continue;
        if (one.kind === "take") blocks = takeTokens(blocks, one.server, one.want, cap) ?? blocks;
        else if (one.kind === "tell" && flightsOf(one.server) < sizeOf(blocks.blocks, one.server))
          flights.set(one.server, flightsOf(one.server) + 1);
        else if (one.kind === "answer") flights.set(one.server, Math.max(0, flightsOf(one.server) - 1));
        else if (one.kind === "return") blocks = returnTokens(blocks, one.server, flightsOf(one.server));
        else if (one.kind === "die") dead.add(one.server);
        else if (one.kind === "reclaim") blocks = reclaimTokens(blocks, (id) => dead.has(id), flightsOf);
        else if (one.kind === "grow") cap += one.more;
        const inFlight = [...flights.values()].reduce((sum, count) => sum + count, 0);
        most = Math.max(most, inFlight / cap);
        assert.ok(inFlight <= cap, `${inFlight} in flight, ${cap} may be`);
      }
    }),
    { numRuns: 2000 },
  );
  assert.equal(most, 1, "the cap is reached");
});

test("what a dead server had comes back as its nodes answer", () => {
  const taken = takeTokens(takeTokens(NO_TOKENS, "s1", 8, 10) ?? NO_TOKENS, "s2", 8, 10);
  assert.deepEqual(taken, {
    blocks: [
      { server: "s1", size: 8 },
      { server: "s2", size: 2 },
    ],
  });
  assert.equal(takeTokens(taken, "s3", 1, 10), undefined);
  const isGone = (id: string): boolean => id === "s1";
  const busy = reclaimTokens(taken, isGone, () => 3);
  assert.deepEqual(takeTokens(busy, "s3", 99, 10)?.blocks.at(-1), { server: "s3", size: 5 });
  const idle = reclaimTokens(busy, isGone, () => 0);
  assert.deepEqual(idle, { blocks: [{ server: "s2", size: 2 }] });
  assert.deepEqual(readTokens(writeStored(idle)), { ok: true, value: idle });
});

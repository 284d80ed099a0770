import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWithin, mayOverlap } from "../../../src/core/fleet/overlap.ts";
import { isOpen } from "../../../src/core/fleet/windows.ts";
import { matchesSelector, type Selector } from "../../../src/core/signing/selector.ts";

const some = <T extends string>(...values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const labels = fc.oneof(
  fc.record({ class: some("cpu", "gpu") }),
  fc.record({ zone: some("a", "b") }),
  fc.record({ class: some("cpu", "gpu"), zone: some("a", "b") }),
);
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({}),
  fc.record({ nodes: some("n1", "n2", "n3") }),
  fc.record({ labels }),
  fc.record({ nodes: some("n1", "n2", "n3"), labels }),
);

/** Every node there can be. */
const NODES = ["n1", "n2", "n3", "n4"].flatMap((id) =>
  ["cpu", "gpu", "arm"].flatMap((class_) =>
    ["a", "b"].map((zone) => ({ id, labels: { class: class_, zone } })),
  ),
);

test("where scopes are said not to overlap, no node is in both", () => {
  let disjoint = 0;
  fc.assert(
    fc.property(selector, selector, (one, other) => {
      const both = NODES.some((node) => matchesSelector(one, node) && matchesSelector(other, node));
      if (!mayOverlap(one, other)) disjoint++;
      assert.ok(mayOverlap(one, other) || !both);
      assert.equal(mayOverlap(one, other), mayOverlap(other, one));
    }),
    { numRuns: 2000 },
  );
  assert.ok(disjoint > 20);
});

test("labels with no value in common, and lists of other nodes, do not overlap", () => {
  const gpu = { labels: { class: ["gpu"], zone: ["a"] } };
  assert.equal(mayOverlap(gpu, { labels: { class: ["cpu"] } }), false);
  assert.equal(mayOverlap(gpu, { labels: { rack: ["1"] } }), true);
  assert.equal(mayOverlap({ nodes: ["n1"] }, { nodes: ["n2"] }), false);
  assert.equal(mayOverlap({ nodes: ["n1"] }, gpu), true);
  assert.equal(mayOverlap({}, gpu), true);
});

test("where a scope is said to be within another, all its nodes are", () => {
  fc.assert(
    fc.property(selector, selector, (inner, outer) => {
      const isInside = NODES.every((node) => !matchesSelector(inner, node) || matchesSelector(outer, node));
      assert.ok(!isWithin(inner, outer) || isInside);
      assert.ok(isWithin(inner, inner) && isWithin(inner, {}));
    }),
    { numRuns: 2000 },
  );
});

test("windows are days and times in UTC; one over midnight belongs to the day it begins on", () => {
  const at = (text: string): number => Date.parse(`${text}Z`);
  const office = [{ days: [1, 2], fromMinute: 9 * 60, toMinute: 17 * 60 }];
  const night = [{ days: [5], fromMinute: 22 * 60, toMinute: 4 * 60 }];
  const cases: readonly (readonly [readonly Parameters<typeof isOpen>[0][number][], string, boolean])[] = [
    [[], "2026-11-29T03:00", true],
    [office, "2026-11-30T09:00", true],
    [office, "2026-11-30T08:59", false],
    [office, "2026-11-30T17:00", false],
    [office, "2026-12-02T12:00", false],
    [night, "2026-11-27T23:00", true],
    [night, "2026-11-28T03:59", true],
    [night, "2026-11-28T04:00", false],
    [night, "2026-11-28T23:00", false],
    [night, "2026-11-27T03:00", false],
    [[{ fromMinute: 0, toMinute: 0 }], "2026-11-27T03:00", true],
  ];
  for (const [windows, text, open] of cases) assert.equal(isOpen(windows, at(text)), open, text);
});

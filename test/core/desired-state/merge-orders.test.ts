import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergeOrders } from "../../../src/core/desired-state/merge-orders.ts";

test("lists that agree keep their orders; the rest is by first appearance", () => {
  assert.deepEqual(
    mergeOrders([
      ["c", "d", "e"],
      ["a", "b", "c"],
    ]),
    { order: ["a", "b", "c", "d", "e"], conflict: false },
  );
  assert.deepEqual(mergeOrders([["b"], ["a"], ["c"]]), { order: ["b", "a", "c"], conflict: false });
  assert.deepEqual(mergeOrders([]), { order: [], conflict: false });
});

test("contradicting lists are told, and the first appearance goes first", () => {
  assert.deepEqual(
    mergeOrders([
      ["a", "b"],
      ["b", "a"],
    ]),
    { order: ["a", "b"], conflict: true },
  );
});

test("property: every item once; parts of one order come together as that order", () => {
  const items = ["a", "b", "c", "d", "e", "f"];
  fc.assert(
    fc.property(fc.array(fc.subarray(items), { maxLength: 5 }), (lists) => {
      const { order, conflict } = mergeOrders(lists);
      assert.equal(conflict, false);
      assert.deepEqual(order.toSorted(), [...new Set(lists.flat())].toSorted());
      for (const list of lists)
        assert.deepEqual(
          order.filter((item) => list.includes(item)),
          list,
        );
    }),
  );
});

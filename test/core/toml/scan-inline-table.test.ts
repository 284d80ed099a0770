import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { scanInlineTable } from "../../../src/core/toml/scan-inline-table.ts";

test("pairs carry their path and value range, nested tables are one value", () => {
  const text = `x = { a = "}", 'b.c' . d = { e = [1, 2] } , f = 1 }`;
  const pairs = scanInlineTable(text, 4);
  assert.deepEqual(
    pairs.map(({ path, start, valueStart, valueEnd }) => [
      path,
      text[start],
      text.slice(valueStart, valueEnd),
    ]),
    [
      [["a"], "a", '"}"'],
      [["b.c", "d"], "'", "{ e = [1, 2] }"],
      [["f"], "f", "1"],
    ],
  );
  assert.deepEqual(scanInlineTable("{ }", 0), []);
});

test("text that is not TOML neither hangs nor throws", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(..."[]{}\"'#=., \n\\ab1"), { maxLength: 30 }), (chars) => {
      scanInlineTable(`{${chars.join("")}`, 0);
    }),
    { numRuns: 500 },
  );
});

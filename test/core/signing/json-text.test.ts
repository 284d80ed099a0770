import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type JsonNode, parseJsonText } from "../../../src/core/signing/json-text.ts";

const LIMITS = { depth: 64, nodes: 100_000 };

function plain(node: JsonNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "array") return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
}

function native(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

test("any JSON is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "medium" }), fc.constantFrom(undefined, 2, "\t"), (text, indent) => {
      const value = JSON.parse(text);
      const written = JSON.stringify(value, null, indent);
      const read = parseJsonText(written, LIMITS);
      assert.ok(read.ok, written);
      assert.deepEqual(plain(read.value), JSON.parse(written));
    }),
  );
});

test("whatever JSON.parse refuses is refused, whatever it takes is the same or has a key twice", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"b"',
    '"\\u00e4"',
    '"\\x"',
    '"\n"',
    "1",
    "-0",
    "01",
    "1.",
    "1e5",
    "true",
    "nul",
    " ",
    "\u00a0",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (some) => {
      const text = some.join("");
      const expected = native(text);
      const read = parseJsonText(text, LIMITS);
      if (expected === undefined) assert.equal(read.ok, false, text);
      else if (read.ok) assert.deepEqual(plain(read.value), expected.value, text);
      else assert.match(read.message, /second time/, text);
    }),
    { numRuns: 20_000 },
  );
});

test("what is wrong is said with its place", () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['{"a":1,"a":2}', 7, /second time/],
    ['{"a":1,"\\u0061":2}', 7, /second time/],
    ["", 0, /ends too early/],
    ['{"a":', 5, /ends too early/],
    ['{"a', 3, /before its closing quote/],
    ['{"a":1}}', 7, /after the end/],
    ["{'a':1}", 1, /key in quotes/],
    ['["a",]', 5, /no JSON value/],
    ['["\\q"]', 1, /escape/],
    ["\ufeff{}", 0, /no JSON value/],
    ["[NaN]", 1, /no JSON value/],
    ["[[[1]]]", 2, /deeper than 2/],
    ["[1,2,3,4,5,6,7,8,9]", 17, /more than 9/],
  ];
  for (const [text, at, message] of cases) {
    const read = parseJsonText(text, { depth: 2, nodes: 9 });
    assert.ok(!read.ok, text);
    assert.match(read.message, message);
    assert.equal(read.at, at, text);
  }
});

test("depth costs no stack: a million brackets are refused at the limit", () => {
  const read = parseJsonText("[".repeat(1_000_000), { depth: 6, nodes: 1000 });
  assert.deepEqual(read, { ok: false, at: 6, message: "it is nested deeper than 6" });
});

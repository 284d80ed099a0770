import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseToml, startsWithBom } from "../../../src/core/toml/parse-toml.ts";

test("a value, with integers beyond 2^53 intact", () => {
  const result = parseToml("a = 9223372036854775807\nb = 1.0\n");
  assert.ok(result.ok);
  assert.equal(result.value["a"], 9223372036854775807n);
  assert.equal(result.value["b"], 1);
});

test("an error names line and column from 1", () => {
  const result = parseToml("a = 1\n\n  b = \n");
  assert.ok(!result.ok);
  assert.deepEqual([result.line, result.column], [3, 7]);
  assert.match(result.message, /expecting string/);
  assert.doesNotMatch(result.message, /row|pos/);
});

test("comments that end in CRLF are fine, a stray CR is not", () => {
  const text = '# one\r\na = \'#\' # two\r\nb = """# three\r\n"""\r\n';
  const result = parseToml(text);
  assert.ok(result.ok);
  assert.deepEqual({ ...result.value }, { a: "#", b: "# three\r\n" });
  assert.equal(parseToml("# a\rb\n").ok, false);
});

test("a BOM is skipped and can be asked for", () => {
  assert.equal(parseToml("\ufeffa = 1\n").ok, true);
  assert.equal(startsWithBom("\ufeffa = 1\n"), true);
  assert.equal(startsWithBom("a = 1\n"), false);
});

test("never throws", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(..."[]{}\"'#=., \n\r\\ab1"), { maxLength: 30 }), (chars) => {
      parseToml(chars.join(""));
    }),
    { numRuns: 500 },
  );
});

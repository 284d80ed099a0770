import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadTree } from "../../../src/core/containerd/hosts-toml/load-tree.ts";
import { Rejection } from "../../../src/core/containerd/hosts-toml/rejection.ts";
import { isPlainToml } from "../../../src/core/toml/is-plain-toml.ts";
import { parseToml } from "../../../src/core/toml/parse-toml.ts";

const key = fc.constantFrom("host", "header", "a", '"a"', '"https://m:5000/v2/x"', "__proto__", '""');
const value = fc.constantFrom("true", "false", '"x"', '""', '"é [host] # ="', '["pull", "resolve"]', '["x"]');
const line = fc.oneof(
  fc.constantFrom("", "# a comment", "  #", "[host]", "a = true"),
  fc.array(key, { minLength: 1, maxLength: 3 }).map((path) => `[${path.join(".")}]`),
  fc.tuple(key, value).map(([name, text]) => `  ${name} = ${text}`),
);
const text = fc.array(line, { maxLength: 8 }).map((lines) => lines.map((each) => `${each}\n`).join(""));

test("plain text is TOML, unless its statements contradict each other: then the tree refuses it as a parser does", () => {
  const seen = { ok: 0, refused: 0 };
  fc.assert(
    fc.property(text, (plain) => {
      assert.ok(isPlainToml(plain));
      const { ok } = parseToml(plain);
      seen[ok ? "ok" : "refused"]++;
      assert.equal(isRead(plain), ok, plain);
    }),
    { numRuns: 2000 },
  );
  assert.ok(seen.ok > 200 && seen.refused > 200, JSON.stringify(seen));
});

test("what a line can hold besides is not plain", () => {
  for (const other of [
    "a = true",
    "a = 1\n",
    "a.b = true\n",
    "a = 'x'\n",
    'a = "\\u0041"\n',
    'a = "x" # why\n',
    "[a] # why\n",
    "[[a]]\n",
    "[ a ]\n",
    '["a]\n',
    "a = [true]\n",
    'a = ["x",]\n',
    "a = {}\n",
    "a = true\r\n",
    "# \u0000\n",
    "\ufeffa = true\n",
    'a = """\n"""\n',
  ])
    assert.equal(isPlainToml(other), false, JSON.stringify(other));
});

test("nothing near plain text is taken for it that is not TOML", () => {
  const noise = fc.constantFrom(..."[]\"'#=.,\\\t\r\n\u0000\u0085 a");
  let accepted = 0;
  fc.assert(
    fc.property(line, noise, fc.nat(40), (one, char, at) => {
      const mutated = `${one.slice(0, at)}${char}${one.slice(at)}\n`;
      if (!isPlainToml(mutated)) return;
      accepted++;
      assert.equal(isRead(mutated), parseToml(mutated).ok, JSON.stringify(mutated));
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 500, `only ${accepted} were plain`);
});

function isRead(plain: string): boolean {
  try {
    loadTree(new TextEncoder().encode(plain), "go-toml-v2");
    return true;
  } catch (error) {
    assert.ok(error instanceof Rejection);
    return false;
  }
}

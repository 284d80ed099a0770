import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IssueLog } from "../../../src/core/desired-state/issue-log.ts";
import { parsePlainYaml } from "../../../src/core/desired-state/parse-plain-yaml.ts";
import { createYamlBudget, parseFullYaml } from "../../../src/core/desired-state/parse-yaml.ts";

const USUAL = `# a comment
apiVersion: mirrorlet/v1
kind: RegistryMirrors   # the kind
generation: 12
registryMirrors:
  - endpoint: https://172.18.0.20:5000/v2/test-namespace
    hosts: [gcr.io, "docker.io" , '*']
    skipTLSVerify: false

  - hosts:
    - 127.0.0.1:5000
    - "quoted # text"
    endpoint:   http://h
upstream:
  "*": allow
empty: []
---
---
- a
-   b: c
    d: 0
`;

test("reads a usual desired state exactly as the full parser does", () => {
  const plain = parsePlainYaml("f", USUAL);
  assert.ok(plain);
  assert.deepEqual(plain.trees, full(USUAL).trees);
  assert.equal(plain.trees.length, 2);
});

const OTHER = [
  "a: b: c",
  "a: |\n  x",
  "a: >\n  x",
  "a: &x b",
  "a: *x",
  "a: !t b",
  "{a: b}",
  "a: {b: c}",
  "a:\n",
  "a: ~",
  "a: null",
  "a: yes no",
  "a: 1.5",
  "a: 0x1",
  "a: 017",
  'a: "\\n"',
  "a: 'it''s'",
  "a: b\n  c",
  "a: b\n c: d",
  " a: b\nc: d",
  "- - a",
  "-",
  "a: [b,\n c]",
  "a: [b, ]",
  "a: [[b]]",
  "? a",
  "a: b\na: c",
  "__proto__: a",
  "a: -",
  "--- a",
  "...",
  "%YAML 1.2",
  "a:\tb",
  "a: b\r\n",
  "a: b#c\nb: x:",
  "a: [x: y]",
  "null: a",
  "a: 'x' y",
];

test("gives up on everything that is not plain", () => {
  for (const text of OTHER) assert.equal(parsePlainYaml("f", text), undefined, text);
});

test("property: what it reads, the full parser reads alike, places included", () => {
  const of = (...texts: readonly string[]) => fc.constantFrom(...texts);
  const indent = of("", "", "  ", "  ", "    ", "      ");
  const dash = of("", "", "- ", "-   ", "- - ");
  const key = of("a: ", "b: ", '"*": ', "c.io: ", "d:", "e:   ", "");
  const value = of(
    "x",
    "12",
    "007",
    "true",
    "https://h:5000/v2",
    "127.0.0.1:5000",
    "1.5",
    "'q'",
    '"q # r"',
    "[]",
    "[a, 'b' ,\"c\"]",
    "[ a ]",
    "[a,b:c]",
    "",
    "x # y",
    "x#y",
    "x:",
    "-x",
    "*",
  );
  const line = fc.tuple(indent, dash, key, value).map((parts) => parts.join(""));
  const text = fc.array(fc.oneof({ weight: 9, arbitrary: line }, of("", "# c", "---")), { maxLength: 7 });
  let read = 0;
  fc.assert(
    fc.property(text, (lines) => {
      read += agrees(lines.join("\n")) ? 1 : 0;
    }),
    { numRuns: 5000 },
  );
  assert.ok(read > 100, `only ${read} of 5000 texts were plain`);
});

test("property: the same for a usual text with something changed in it", () => {
  const characters = fc.string({ unit: fc.constantFrom(..." \n-:#\"'[],a1{*&!|>é"), maxLength: 3 });
  fc.assert(
    fc.property(
      fc.nat(USUAL.length),
      fc.nat(4),
      characters,
      (at, drop, insert) => void agrees(USUAL.slice(0, at) + insert + USUAL.slice(at + drop)),
    ),
    { numRuns: 2000 },
  );
});

/** Whether the text was plain with content; throws when the two parsers differ. */
function agrees(text: string): boolean {
  const plain = parsePlainYaml("f", text);
  if (plain === undefined) return false;
  const { trees, issues } = full(text);
  assert.deepEqual(issues, []);
  assert.deepEqual(plain.trees, trees);
  return trees.length > 0;
}

function full(text: string) {
  const log = new IssueLog();
  const trees = parseFullYaml("f", text, createYamlBudget(), log);
  return { trees, issues: log.issues };
}

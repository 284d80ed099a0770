import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatInventory, parseInventoryFile } from "../../../src/core/fleet/parse-inventory-file.ts";
import { formatIssue } from "../../../src/core/issue.ts";

const parse = (text: string) =>
  parseInventoryFile({ name: "nodes.txt", bytes: new TextEncoder().encode(text) });

test("a line for each node, with labels, comments and blank lines", () => {
  const { entries, issues } = parse("# ours\n\nn1 class=gpu  zone=a # rack 3\r\nn2\n");
  assert.deepEqual(issues, []);
  assert.deepEqual(
    [...entries],
    [
      ["n1", { labels: { class: "gpu", zone: "a" } }],
      ["n2", { labels: {} }],
    ],
  );
});

test("all that is wrong is told at once, with its line", () => {
  const { issues } = parse("n1\n-x class=gpu\nn2 class\nn2 a=b=c\nn3 a=1 a=2\nn1 class=cpu\n");
  assert.deepEqual(issues.map(formatIssue), [
    'nodes.txt:2:1: "-x" is no id of a node; write the id of its certificate, as n1.example (inventory-value)',
    'nodes.txt:3:1: "class" is no label; write key=value, as class=gpu (inventory-value)',
    'nodes.txt:4:1: "a=b=c" is no label; write key=value, as class=gpu (inventory-value)',
    'nodes.txt:5:1: n3 has "a" twice; write it once (inventory-value)',
    "nodes.txt:6:1: n1 is there twice; write one line for each node (inventory-value)",
  ]);
  const many = Array.from({ length: 17 }, (_, index) => `k${index}=v`).join(" ");
  assert.match(parse(`n1 ${many}`).issues.map(formatIssue).join(), /n1 has more than 16 labels/);
  assert.equal(parse("-\n".repeat(1000)).issues.length, 20);
});

test("what is printed is read back to the same", () => {
  const word = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?$/);
  const inventory = fc.dictionary(word, fc.dictionary(word, word, { maxKeys: 5 }), { maxKeys: 10 });
  fc.assert(
    fc.property(inventory, (nodes) => {
      const entries = new Map(Object.entries(nodes).map(([id, labels]) => [id, { labels: { ...labels } }]));
      const read = parse(formatInventory(entries));
      assert.deepEqual(read.issues, []);
      assert.deepEqual(new Map([...read.entries].toSorted()), new Map([...entries].toSorted()));
    }),
  );
});

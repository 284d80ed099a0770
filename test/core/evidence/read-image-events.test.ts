import assert from "node:assert/strict";
import { test } from "node:test";
import { createImageEventReader, type ImageEvent } from "../../../src/core/evidence/read-image-events.ts";

const A = "gcr.io/team/app:1";
const A2 = "gcr.io/team/app:2";
const digest = `sha256:${"d".repeat(64)}`;
const D = `gcr.io/team/app@${digest}`;
const other = `sha256:${"e".repeat(64)}`;
const ID = `sha256:${"1".repeat(64)}`;

/** `+name` an image record made, `~name` written again; `?` before it: without CRI's label; a number: milliseconds pass. */
type Script = readonly (string | number)[];

/** The references told, in order. Every reference names `digest`, unless `names` says otherwise. */
function read(
  rewritesImageRecords: boolean,
  script: Script,
  names: Readonly<Record<string, string | undefined>> = {},
): readonly string[] {
  const reader = createImageEventReader({ rewritesImageRecords });
  let atMs = 1_000_000;
  const told: string[] = [];
  for (const step of script) {
    if (typeof step === "number") {
      atMs += step;
      continue;
    }
    atMs += 5;
    const reference = reader.read(toEvent(step, atMs));
    if (reference === undefined) continue;
    told.push(reference);
    reader.resolved(reference, reference in names ? names[reference] : digest, atMs);
  }
  return told;
}

function toEvent(step: string, atMs: number): ImageEvent {
  const [, foreign = "", sign = "", name = ""] = /^(\??)([+~])(.*)$/.exec(step) ?? [];
  return { atMs, name, change: sign === "+" ? "create" : "update", managed: foreign === "" };
}

// As measured on containerd 1.7.24 and 2.1.9, local pull and transfer service.
const plain: readonly (readonly [string, Script, readonly string[]])[] = [
  ["first pull by tag", [`+${A}`, `+${ID}`, `+${D}`], [A]],
  ["a pull again", [`~${A}`], [A]],
  ["first pull by digest", [`+${D}`, `+${ID}`], [D]],
  ["a pull by digest again", [`~${D}`], [D]],
  ["by digest right after by tag, both known", [`~${A}`, `~${D}`], [A, D]],
  ["a second tag of the same content", [`+${A2}`], [A2]],
  ["a tag that moved", [`~${A}`, `+${ID}`, `+${D}`], [A]],
  ["three at once, new", [`+${A}`, `~${A}`, `+${ID}`, `~${A}`, `+${D}`], [A, A, A]],
  ["three at once, again", [`~${A}`, `~${A}`, `~${A}`], [A, A, A]],
  ["ctr pull", [`?~${A}`, `~${A}`], []],
  ["ctr pull, then a pull of CRI", [`?+${A}`, `+${ID}`, `~${A}`, 300, `~${A}`], [A]],
  ["ctr tag on 2.1", [`?+${A}`, `~${A}`], []],
];

for (const [name, script, expected] of plain)
  test(`each pull once: ${name}`, () => assert.deepEqual(read(false, script), expected));

// As measured on containerd 1.6.20.
const rewriting: readonly (readonly [string, Script, readonly string[]])[] = [
  ["first pull by tag", [`+${A}`, `+${ID}`, `~${A}`, `+${D}`], [A]],
  ["a pull again", [`~${A}`, `~${ID}`, `~${A}`, `~${D}`], [A]],
  ["by digest", [`~${D}`, `~${ID}`, `~${D}`], [D]],
  ["by tag, then by digest", [`~${A}`, `~${ID}`, `~${A}`, `~${D}`, `~${D}`, `~${ID}`, `~${D}`], [A, D]],
  ["a second tag", [`+${A2}`, `~${ID}`, `~${A2}`, `~${D}`], [A2]],
  [
    "three at once, again",
    [
      `~${A}`,
      `~${ID}`,
      `~${A}`,
      `~${ID}`,
      `~${A}`,
      `~${A}`,
      `~${D}`,
      `~${A}`,
      `~${ID}`,
      `~${D}`,
      `~${A}`,
      `~${D}`,
    ],
    [A, A, A],
  ],
  ["ctr pull", [`?~${A}`, `~${ID}`, `~${A}`], []],
  ["ctr tag, which copies the label", [`+${A2}`], []],
  ["ctr tag, and much later a pull", [`+${A2}`, 60_000, `~${A2}`, `~${ID}`, `~${A2}`, `~${D}`], [A2]],
];

for (const [name, script, expected] of rewriting)
  test(`each pull once where records are written twice: ${name}`, () =>
    assert.deepEqual(read(true, script), expected));

test("a digest record that the pull before did not make is a pull of its own", () => {
  const another = `gcr.io/team/app@${other}`;
  assert.deepEqual(read(false, [`~${A}`, `+${another}`, `+${ID}`]), [A, another]);
  assert.deepEqual(read(false, [`~${A}`, 60_000, `+${D}`, `+${ID}`]), [A, D], "long after");
});

test("where it is not known what a tag names, the next new digest record of its repository is taken for its own", () => {
  assert.deepEqual(read(false, [`+${A}`, `+${ID}`, `+${D}`], { [A]: undefined }), [A]);
});

test("IDs and names that CRI does not give tell nothing", () => {
  assert.deepEqual(read(false, [`+${ID}`, "+import-2026", "+team/app", "+gcr.io/Team/App:1"]), []);
});

test("what is remembered is bounded", () => {
  const reader = createImageEventReader({ rewritesImageRecords: true });
  for (let i = 0; i < 5000; i++) reader.read(toEvent(`+gcr.io/team/app:${i}`, 1000));
  assert.equal(reader.read(toEvent("~gcr.io/team/app:0", 1001)), undefined, "forgotten");
  assert.equal(reader.read(toEvent("~gcr.io/team/app:4999", 1001)), "gcr.io/team/app:4999");
});

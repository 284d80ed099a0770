import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const types = read("src/core/bundle/push/push-event.ts").replaceAll(/\/\*\*.*?\*\//gs, "");
const doc = read("docs/push.md");

/** The first column's code words of the tables below a heading; with `at`: those of another column. */
function words(heading: string, at = 1): readonly (readonly string[])[] {
  const [, section = ""] = doc.split(`## ${heading}\n`);
  const rows =
    section
      .split("\n## ", 1)[0]
      ?.split("\n")
      .filter((line) => line.startsWith("| `")) ?? [];
  return rows.map((row) =>
    [...(row.split(" | ")[at - 1] ?? "").matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word),
  );
}

test("docs/push.md has every kind of event with its fields, and no other", () => {
  const union = types.slice(
    types.indexOf("export type PushEvent"),
    types.indexOf("export interface ImageResult"),
  );
  const kinds = [...union.matchAll(/readonly kind: "([\w-]+)"([^}]*)\}/g)].map(
    ([, kind = "", rest = ""]) =>
      [kind, [...rest.matchAll(/readonly (\w+)/g)].map(([, field]) => field)] as const,
  );
  // What is told many times a second is for the progress alone.
  const told = new Map(kinds.filter(([kind]) => kind !== "blob-sent"));
  const described = words("Events").flat();
  assert.deepEqual(described.toSorted(), [...told.keys()].toSorted());
  for (const [at, kind] of described.entries()) {
    const fields = words("Events", 3)[at] ?? [];
    for (const field of told.get(kind) ?? []) assert.ok(fields.includes(field ?? ""), `${kind}: ${field}`);
  }
});

test("docs/push.md has every field of an image, and of the end", () => {
  const image = types.slice(types.indexOf("export interface ImageResult"));
  const fields = [...image.matchAll(/readonly (\w+)\??:/g)].map(([, field]) => field);
  assert.deepEqual(words("An image").flat().toSorted(), fields.toSorted());
  const [, printed = ""] = /printJson\(io, "push", \{(.*?)\}\)/s.exec(read("src/cli/show-push.ts")) ?? [];
  const end = [...printed.matchAll(/^\s+(\w+)[,:]/gm)].map(([, field]) => field);
  assert.ok(end.length > 5);
  assert.deepEqual(words("The end").flat().toSorted(), end.toSorted());
});

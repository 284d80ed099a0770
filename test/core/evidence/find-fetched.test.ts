import assert from "node:assert/strict";
import { test } from "node:test";
import { createFetchedFinder } from "../../../src/core/evidence/find-fetched.ts";
import type { ImageContent } from "../../../src/core/evidence/image-content.ts";

function content(parts: Readonly<Record<string, number>>, complete = true): ImageContent {
  const objects = Object.entries(parts).map(
    ([digest, createdMs]) =>
      ({ digest, kind: digest.startsWith("m") ? "manifest" : "blob", createdMs, bytes: 1 }) as const,
  );
  return { target: "m", complete, objects };
}

const NOW = 10_000_000;

function watching() {
  const finder = createFetchedFinder();
  finder.watchingSince(NOW - 1000);
  return (parts: Readonly<Record<string, number>>, endedMs = NOW, complete = true) =>
    finder.find(content(parts, complete), endedMs).fetched?.map(({ digest }) => digest);
}

test("what came with the pull counts, what was there already does not", () => {
  const find = watching();
  assert.deepEqual(find({ m: NOW - 10, c: NOW - 9, base: NOW - 40 * 60_000 }), ["m", "c"]);
  assert.deepEqual(
    find({ m: NOW - 10, c: NOW - 9, base: NOW - 40 * 60_000 }, NOW + 50),
    [],
    "the second time",
  );
  assert.deepEqual(find({ m2: NOW + 60, c: NOW - 9 }, NOW + 70), ["m2"], "a layer of the image before");
});

test("a copy that was collected and fetched again counts again", () => {
  const find = watching();
  assert.deepEqual(find({ m: NOW - 10 }), ["m"]);
  assert.deepEqual(find({ m: NOW + 500 }, NOW + 510), ["m"]);
});

test("what came before we watched, or is not all there, cannot be told", () => {
  const find = watching();
  assert.equal(find({ m: NOW - 1500, c: NOW - 5 }), undefined);
  assert.deepEqual(find({ m: NOW - 1500, c: NOW - 5 }, NOW + 10), [], "but the next time it was there");
  assert.equal(find({ m3: NOW }, NOW + 10, false), undefined);
  assert.equal(createFetchedFinder().find(content({ m: NOW }), NOW).fetched, undefined, "not watching yet");
});

test("the first part tells about when a pull began, whether or not all of it is known", () => {
  const finder = createFetchedFinder();
  finder.watchingSince(NOW - 1000);
  const first = (parts: Readonly<Record<string, number>>, endedMs: number, complete = true) =>
    finder.find(content(parts, complete), endedMs).firstPartMs;
  assert.equal(first({ m: NOW - 20, c: NOW - 10, old: NOW - 40 * 60_000 }, NOW), NOW - 20);
  assert.equal(first({ m: NOW - 20, c: NOW - 10 }, NOW + 50), NOW + 50, "nothing came with it");
  assert.equal(first({ m2: NOW - 2000, c2: NOW }, NOW + 60, false), NOW - 2000);
});

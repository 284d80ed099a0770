import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { progressLine } from "../../../../src/cli/push-progress-text.ts";
import type { ImageTree } from "../../../../src/core/bundle/push/image-tree.ts";
import type { PlannedImage } from "../../../../src/core/bundle/push/plan-push.ts";
import type { PushEvent } from "../../../../src/core/bundle/push/push-event.ts";
import { createPushProgress } from "../../../../src/core/bundle/push/push-progress.ts";

const top = { mediaType: "m", digest: "sha256:top", size: 1 };
const blob = (name: string, size: number) => ({ mediaType: "l", digest: `sha256:${name}`, size });

function planned(repository: string, blobs: readonly ReturnType<typeof blob>[]): PlannedImage {
  const tree: ImageTree = { image: { name: repository, top }, manifests: [], blobs, absent: [] };
  return { name: repository, repository, tag: "1", tree, referrers: [] };
}

const base = blob("base", 1_000);
const images = [planned("a", [base, blob("own", 500)]), planned("b", [base])];

const begin = (repository: string, { digest, size }: typeof base): PushEvent => ({
  kind: "blob-begin",
  repository,
  digest,
  size,
});
const sent = (repository: string, { digest }: typeof base, bytes: number): PushEvent => ({
  kind: "blob-sent",
  repository,
  digest,
  bytes,
});
const end = (
  repository: string,
  { digest, size }: typeof base,
  how: "uploaded" | "mounted" | "there",
): PushEvent => ({
  kind: "blob-end",
  repository,
  digest,
  size,
  end: how,
  sentBytes: 0,
});

test("a blob that is mounted is done, and does not count as sent; what is left is sent once", () => {
  const progress = createPushProgress(images, 0);
  assert.deepEqual(progress.view(0).bytes, { total: 2_500, done: 0, sent: 0, mounted: 0, there: 0 });
  progress.note(begin("a", base), 0);
  progress.note(sent("a", base, 500), 4_000);
  const half = progress.view(4_000);
  assert.equal(half.bytesPerSecond, 125);
  // 500 of the base and 500 of its own; the other repository mounts.
  assert.equal(half.leftMs, 8_000);
  progress.note(sent("a", base, 1_000), 8_000);
  progress.note(end("a", base, "uploaded"), 8_000);
  progress.note(begin("b", base), 8_000);
  progress.note(end("b", base, "mounted"), 8_000);
  assert.deepEqual(progress.view(8_000).bytes, {
    total: 2_500,
    done: 2_000,
    sent: 1_000,
    mounted: 1_000,
    there: 0,
  });
});

test("a try that begins again adds to what was sent, and shows no step back", () => {
  const progress = createPushProgress(images, 0);
  progress.note(begin("a", base), 0);
  progress.note(sent("a", base, 800), 1_000);
  progress.note(sent("a", base, 100), 2_000);
  const { bytes, active } = progress.view(2_000);
  assert.deepEqual([bytes.done, bytes.sent, active[0]?.bytes], [800, 900, 800]);
});

test("an image that was there is there with all its bytes", () => {
  const progress = createPushProgress(images, 0);
  progress.note(
    { kind: "image-end", name: "a", repository: "a", tag: "1", digest: top.digest, result: "there" },
    1,
  );
  const { bytes, images: counts } = progress.view(1);
  assert.deepEqual([bytes.done, bytes.there, counts.there], [1_500, 1_500, 1]);
});

test("whatever happens, what is done never gets less, nor more than there is", () => {
  const pairs = [
    ["a", base],
    ["a", blob("own", 500)],
    ["b", base],
  ] as const;
  const event = fc.oneof(
    fc.constantFrom(...pairs).map(([repository, one]) => begin(repository, one)),
    fc
      .tuple(fc.constantFrom(...pairs), fc.nat(1_000))
      .map(([[repository, one], bytes]) => sent(repository, one, Math.min(bytes, one.size))),
    fc
      .tuple(fc.constantFrom(...pairs), fc.constantFrom("uploaded", "mounted", "there"))
      .map(([[repository, one], how]) => end(repository, one, how as "there")),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const progress = createPushProgress(images, 0);
      let done = 0;
      for (const [at, one] of events.entries()) {
        progress.note(one, at * 100);
        const { bytes, bytesPerSecond } = progress.view(at * 100);
        if (bytes.done < done || bytes.done > bytes.total || bytesPerSecond < 0) return false;
        done = bytes.done;
      }
      return true;
    }),
  );
});

test("all bytes out and one to go again: no time left is told, and none of it is done", () => {
  const progress = createPushProgress(images, 0);
  for (const [repository, part] of [
    ["a", base],
    ["a", blob("own", 500)],
    ["b", base],
  ] as const) {
    progress.note(begin(repository, part), 0);
    progress.note(sent(repository, part, part.size), 3_000);
  }
  const view = progress.view(3_500);
  assert.equal(view.bytes.done, view.bytes.total);
  assert.equal(view.leftMs, undefined);
  assert.match(progressLine(view), /^99 % {2}image 0 of 2/);
});

test("while something waits for another try, and until that has come further, no time left is told", () => {
  const progress = createPushProgress(images, 0);
  const retry: PushEvent = { kind: "retry", what: "base", failed: 1, delayMs: 20_000, reason: "503" };
  progress.note(begin("a", base), 0);
  progress.note(sent("a", base, 900), 3_000);
  assert.notEqual(progress.view(3_000).leftMs, undefined);
  progress.note(retry, 3_500);
  assert.equal(progress.view(4_000).leftMs, undefined);
  progress.note(sent("a", base, 900), 24_000);
  assert.equal(progress.view(24_500).leftMs, undefined, "it has been there before");
  progress.note(sent("a", base, 950), 25_000);
  assert.notEqual(progress.view(25_500).leftMs, undefined);
});

test("all bytes are there, and a manifest is tried again: no 0:00 left", () => {
  const progress = createPushProgress(images, 0);
  for (const [repository, part] of [
    ["a", base],
    ["a", blob("own", 500)],
    ["b", base],
  ] as const) {
    progress.note(begin(repository, part), 0);
    progress.note(sent(repository, part, part.size), 3_000);
    progress.note(end(repository, part, "uploaded"), 3_000);
  }
  assert.doesNotMatch(progressLine(progress.view(3_500)), /left/);
});

test("what was found before the images were known is done, and there, in each repository", () => {
  const progress = createPushProgress(undefined, 0);
  for (const repository of ["a", "b"]) progress.note(end(repository, base, "there"), 0);
  progress.plan(images);
  const { bytes } = progress.view(0);
  assert.deepEqual([bytes.done, bytes.there, bytes.total], [2_000, 2_000, 2_500]);
});

test("what was found in a repository that it only passes through is not there once more with its image", () => {
  const progress = createPushProgress(undefined, 0);
  progress.note(end("staging", base, "there"), 0);
  progress.plan(images);
  progress.note(
    { kind: "image-end", name: "b", repository: "b", tag: "1", digest: top.digest, result: "there" },
    1,
  );
  const { bytes } = progress.view(1);
  assert.deepEqual([bytes.done, bytes.there], [1_000, 1_000]);
});

test("what was sent before the images were known is done, and was not there before", () => {
  const progress = createPushProgress(undefined, 0);
  progress.note(begin("b", base), 0);
  progress.note(sent("b", base, 1_000), 1);
  progress.note(end("b", base, "uploaded"), 1);
  progress.plan(images);
  assert.equal(progress.view(2).bytes.done, 1_000);
  progress.note(
    { kind: "image-end", name: "b", repository: "b", tag: "1", digest: top.digest, result: "there" },
    2,
  );
  const { bytes } = progress.view(2);
  assert.deepEqual([bytes.done, bytes.sent, bytes.there], [1_000, 1_000, 0]);
});

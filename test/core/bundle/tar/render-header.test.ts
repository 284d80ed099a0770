import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderTarHeader, tarEnd, tarPadding } from "../../../../src/core/bundle/tar/render-header.ts";
import { type TarEntry, walkTar } from "../../../../src/core/bundle/tar/walk-tar.ts";
import { scratch } from "../../../support/opened-bundle.ts";

const sha512 = `blobs/sha512/${"0123456789abcdef".repeat(8)}`;
const files = [
  ["oci-layout", "{}"],
  ["blobs/sha256/empty", ""],
  [sha512, "x".repeat(512)],
  ["a".repeat(100), "just fits"],
  ["b".repeat(101), "just does not"],
  // The length of the record counts its own digits, and passes from two to three.
  ...Array.from({ length: 8 }, (_, more) => ["c".repeat(86 + more), "c"] as const),
  ...Array.from({ length: 8 }, (_, more) => ["d".repeat(986 + more), "d"] as const),
] as const;

function archive(): Buffer {
  return Buffer.concat([
    ...files.flatMap(([path, text]) => [
      renderTarHeader(path, text.length),
      Buffer.from(text),
      tarPadding(text.length),
    ]),
    tarEnd(),
  ]);
}

function entriesOf(bytes: Uint8Array): readonly TarEntry[] {
  const walk = walkTar("a.tar");
  const entries: TarEntry[] = [];
  for (let step = walk.next(undefined); ; ) {
    if (step.done === true) return entries;
    if (step.value.step === "entry") entries.push(step.value.entry);
    const { value } = step;
    step = walk.next(value.step === "read" ? bytes.subarray(value.at, value.at + value.length) : undefined);
  }
}

test("GNU tar and our own reader find what was written, long paths too", (t) => {
  const bytes = archive();
  assert.deepEqual(
    entriesOf(bytes).map(({ name, size, contentAt }) => [
      name,
      bytes.subarray(contentAt, contentAt + size).toString(),
    ]),
    files.map((file) => [...file]),
  );
  const path = join(scratch(t), "a.tar");
  writeFileSync(path, bytes);
  const listed = spawnSync("tar", ["-tf", path], { encoding: "utf8" });
  assert.deepEqual([listed.stderr, listed.status], ["", 0]);
  assert.deepEqual(
    listed.stdout.trim().split("\n"),
    files.map(([name]) => name),
  );
  const { stdout } = spawnSync("tar", ["-xOf", path, sha512], { encoding: "utf8" });
  assert.equal(stdout, "x".repeat(512));
});

test("a size beyond eleven octal digits", () => {
  for (const size of [8 ** 11 - 1, 8 ** 11, 3_000_000_000_000]) {
    const header = renderTarHeader("blobs/sha256/big", size);
    const [entry] = entriesOf(header);
    assert.deepEqual([entry?.name, entry?.size], ["blobs/sha256/big", size]);
    assert.equal(header.length, size < 8 ** 11 ? 512 : 1536);
  }
});

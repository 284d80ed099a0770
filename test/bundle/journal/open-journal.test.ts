import assert from "node:assert/strict";
import { appendFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../../src/bundle/journal/open-journal.ts";
import { sourceIdentity } from "../../../src/bundle/journal/source-identity.ts";
import { scratch } from "../../support/opened-bundle.ts";

const digest = (n: number): string => `sha256:${n.toString(16).padStart(64, "0")}`;
const image = {
  name: "gcr.io/a:1",
  repository: "a",
  tag: "1",
  digest: digest(1),
  below: [digest(2)],
  bytes: 5,
};

test("what was noted is known to who opens it next; a torn last line is left out", (context) => {
  const path = join(scratch(context), "state/push/j.jsonl");
  const first = openJournal(path, "https://r/ns");
  first.note("a", digest(1));
  first.note("b", digest(1));
  first.noteDone("source", [image, { ...image, tag: undefined }]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  appendFileSync(path, `{"blob":"${digest(2)}","in`);
  const next = openJournal(path, "https://r/ns");
  assert.equal(next.has("a", digest(1)), true);
  assert.equal(next.has("a", digest(2)), false);
  assert.equal(next.find(digest(1), "b"), "a");
  assert.equal(next.find(digest(1), "c"), "b", "the newest");
  assert.equal(next.find(digest(2), "a"), undefined);
  assert.deepEqual(next.doneImages("source"), [image, { ...image, tag: undefined }]);
  next.note("a", digest(3));
  assert.equal(openJournal(path, "https://r/ns").has("a", digest(3)), true, "after the torn line");
});

test("of another target nothing is taken over, nor of a file that is none", (context) => {
  const path = join(scratch(context), "j.jsonl");
  openJournal(path, "https://r/one").note("a", digest(1));
  assert.equal(openJournal(path, "https://r/two").has("a", digest(1)), false);
  writeFileSync(path, "\u0000\u0001 no journal\n{}\n[]\n");
  openJournal(path, "https://r/two").note("a", digest(2));
  assert.equal(openJournal(path, "https://r/two").has("a", digest(2)), true);
});

test("it does not grow without end: the older half goes", (context) => {
  const path = join(scratch(context), "j.jsonl");
  openJournal(path, "t");
  const lines = Array.from({ length: 60_000 }, (_, n) => `{"blob":"${digest(n)}","in":"a"}\n`);
  appendFileSync(path, lines.join(""));
  const before = statSync(path).size;
  const journal = openJournal(path, "t");
  assert.ok(statSync(path).size < before / 2);
  assert.equal(journal.has("a", digest(59_999)), true);
  assert.equal(journal.has("a", digest(0)), false);
});

test("a place where nothing can be written is an error when it is opened", (context) => {
  const folder = scratch(context);
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => openJournal(join(folder, "file/j.jsonl"), "t"), /ENOTDIR|EEXIST/);
});

test("a source is another one when its first bytes, its last ones, size or time is", async (context) => {
  const path = join(scratch(context), "b.tar.xz");
  const identityOf = async (bytes: Uint8Array, seconds: number): Promise<string | undefined> => {
    writeFileSync(path, bytes);
    utimesSync(path, seconds, seconds);
    return sourceIdentity(path);
  };
  const bytes = Buffer.alloc(300_000, 1);
  const [first, last] = [Buffer.from(bytes), Buffer.from(bytes)];
  first[0] = 2;
  last[299_999] = 2;
  const seen = [
    await identityOf(bytes, 1_700_000_000),
    await identityOf(first, 1_700_000_000),
    await identityOf(last, 1_700_000_000),
    await identityOf(Buffer.alloc(300_001, 1), 1_700_000_000),
    await identityOf(bytes, 1_700_000_001),
  ];
  assert.equal(new Set(seen).size, seen.length);
  assert.equal(await identityOf(bytes, 1_700_000_000), seen[0]);
  assert.equal(await sourceIdentity(scratch(context)), undefined, "a folder");
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectories } from "../../src/shared/make-directories.ts";

test("what is missing is made, what is there stays as it is, and what is in the way is an error", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "mirrorlet-directories-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "a/b/c");
  makeDirectories(path, 0o700);
  makeDirectories(path, 0o755);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  symlinkSync("a/b", join(folder, "link"));
  makeDirectories(join(folder, "link"), 0o700);
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => makeDirectories(join(folder, "file"), 0o700), { code: "EEXIST" });
  assert.throws(() => makeDirectories(join(folder, "file/below"), 0o700), { code: "ENOTDIR" });
});

test("a place where nothing can be made is an error at once", () => {
  const source = JSON.stringify(import.meta.resolve("../../src/shared/make-directories.ts"));
  // On its own: what tries for ever cannot be stopped from within.
  const script = `import(${source}).then(({ makeDirectories }) => makeDirectories("/proc/nosuch/a/b", 0o700))
    .catch(({ code }) => process.stdout.write(code))`;
  const args = ["--import", import.meta.resolve("tsx"), "-e", script];
  assert.equal(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 }), "ENOENT");
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { asErrors } from "../../src/host/journal-stream.ts";
import { scratch } from "./scratch.ts";

const module = JSON.stringify(join(import.meta.dirname, "../../src/host/journal-stream.ts"));
const code = `import { isJournal } from ${module}; console.log(isJournal(process.env));`;

test("the journal is where stderr leads to what JOURNAL_STREAM names, and nowhere else", (context: TestContext) => {
  const folder = scratch(context);
  const descriptor = openSync(join(folder, "stderr"), "w");
  context.after(() => closeSync(descriptor));
  const { dev, ino } = fstatSync(descriptor);
  const says = (JOURNAL_STREAM: string | undefined) =>
    spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", descriptor],
      encoding: "utf8",
      env: { ...process.env, ...(JOURNAL_STREAM === undefined ? {} : { JOURNAL_STREAM }) },
    }).stdout.trim();
  assert.equal(says(`${dev}:${ino}`), "true");
  assert.equal(says(`${dev}:${ino + 1}`), "false");
  assert.equal(says("nonsense"), "false");
  assert.equal(says(undefined), "false");
});

test("each line of an error has its priority", () => {
  assert.equal(asErrors("a\nb\n"), "<3>a\n<3>b\n");
  assert.equal(asErrors(""), "");
});

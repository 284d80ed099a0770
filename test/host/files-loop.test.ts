import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { straceSkipReason } from "../e2e/crash/trace-calls.ts";
import { scratch } from "./scratch.ts";

const skip = straceSkipReason() ?? false;

/** Longer than the slice of work after which others have their turn. */
const SLOW_US = 30_000;

// A disk that takes its time for whatever makes the change visible: in one go, all of them would hold the loop.
for (const [what, calls] of [
  ["write", "rename"],
  ["create-directories", "rename"],
  ["remove", "unlink"],
  ["remove-directories", "rename"],
] as const)
  test(`${what} on a slow disk: the loop turns between one file and the next`, { skip }, (t) => {
    const run = spawnSync(
      "strace",
      [
        ...[
          "-f",
          "-qq",
          "-o",
          "/dev/null",
          "-e",
          `trace=${calls}`,
          "-e",
          `inject=${calls}:delay_enter=${SLOW_US}`,
        ],
        ...[
          process.execPath,
          "--import",
          "tsx",
          join(import.meta.dirname, "loop-driver.ts"),
          scratch(t),
          what,
        ],
      ],
      { encoding: "utf8", timeout: 60_000 },
    );
    assert.equal(run.status, 0, run.stderr);
    const { count, seen } = JSON.parse(run.stdout) as { readonly count: number; readonly seen: number };
    assert.ok(seen > count / 2, `${seen} states were seen while ${count} files changed`);
  });

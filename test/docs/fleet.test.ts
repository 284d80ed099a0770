import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { HALT_CODES } from "../../src/core/fleet/rollout-state.ts";
import { mirrorletProgram } from "../e2e/support/mirrorlet.ts";
import { scratch } from "../host/scratch.ts";
import { findFreePort } from "../support/free-port.ts";
import { labSkipReason } from "../support/lab-parts.ts";

const repository = join(import.meta.dirname, "../..");
const text = readFileSync(join(repository, "docs/fleet.md"), "utf8");

test("every way to halt is explained", () => {
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(rows.toSorted(), HALT_CODES.toSorted());
});

/** What a reader would type, one block after the other in one shell; it stops at the first that fails. */
function script(blocks: readonly string[]): string {
  const parts = blocks.map((block, index) => `echo "== block ${index + 1}" >&2\n${block}`);
  return `set -eu\n${parts.join("\n")}\necho "== all" >&2\n`;
}

async function runBlocks(t: TestContext, blocks: readonly string[]) {
  const dir = scratch(t);
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const [program, ...first] = mirrorletProgram();
  const words = [program, ...first].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "mirrorlet"), `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(join(bin, "mirrorlet"), 0o755);
  const path = `${bin}${delimiter}${process.env["PATH"]}`;
  const child = spawn("bash", ["-c", script(blocks)], {
    cwd: dir,
    env: { PATH: path, HOME: process.env["HOME"], CHECKOUT: repository },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (part: string) => {
      said[stream] += part;
    });
  const code = await new Promise<number>((resolve) => child.once("exit", (end) => resolve(end ?? -1)));
  await putAway(join(dir, "fleet"));
  return { code, ...said, dir };
}

/** What the last block would have ended. */
async function putAway(dir: string): Promise<void> {
  for (const name of ["lab.pid", "feed.pid"]) {
    const file = join(dir, name);
    const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    for (let count = 0; count < 300 && pid > 0 && existsSync(`/proc/${pid}`); count++) {
      if (count === 0) process.kill(pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test("from nothing to a rollout over five nodes, as the page says", {
  skip: labSkipReason() ?? false,
  timeout: 400_000,
}, async (t) => {
  const [feed, http] = [await findFreePort(), await findFreePort()];
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) =>
    (block ?? "").replaceAll("9479", String(feed)).replaceAll("9480", String(http)),
  );
  assert.equal(blocks.length, 9);
  const { code, stdout, stderr, dir } = await runBlocks(t, blocks);
  const log = (name: string) => {
    const file = join(dir, "fleet", name);
    return existsSync(file) ? readFileSync(file, "utf8").slice(-3000) : "";
  };
  assert.equal(
    code,
    0,
    `${stdout.slice(-4000)}\n${stderr.slice(-4000)}\n${log("feed.log")}\n${log("lab.log")}`,
  );
  for (const words of [
    /Z stable-1: wave 1 \(canary\) is done: 2 done/,
    /^stable-1: done, /m,
    /^prod: 5 of 5 nodes connected$/m,
    /^stable-2: done, /m,
    /^n4 runs what it should$/m,
    /runs +serial 2 \([0-9a-f]{12}\), from the feed/,
    /^ *versions +agent \S+, containerd v?\d\.\d/m,
    /halted .* \(preflight-failed\): \d of \d nodes say/,
    /halted, as it should be: 1/,
    /^stable-3 ends; no node had been told to apply it$/m,
  ])
    assert.ok(words.test(stdout), `${words} is not in:\n${stdout.slice(-3000)}\n${stderr.slice(-1000)}`);
});

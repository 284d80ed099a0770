import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";

const PROGRAM = `
import { returnMemory } from "./src/shared/return-memory.ts";
const most = await grow();
const stop = returnMemory(1_000);
const deadline = performance.now() + 100_000;
let least = most;
while (least > most - 40 && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 250));
  least = Math.min(least, rss());
}
stop();
console.log(JSON.stringify({ most, least }));

function rss() {
  return process.memoryUsage.rss() / 2 ** 20;
}
async function grow() {
  const kept = [];
  for (let i = 0; i < 600_000; i++) kept.push({ i, text: "text " + i, list: [i, i + 1] });
  return kept.length === 600_000 ? rss() : 0;
}
`;

test("what a process has needed once is given back", async (context) => {
  const flags = [
    "--expose-gc",
    "--max-semi-space-size=1",
    "--import",
    "tsx",
    "--input-type=module",
    "--eval",
    PROGRAM,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 120_000 });
  const { most, least } = JSON.parse(stdout);
  context.diagnostic(`${Math.round(most)} MiB, then ${Math.round(least)}`);
  assert.ok(least <= most - 40, stdout);
});

const BUSY_PROGRAM = `
import { setTimeout as sleep } from "node:timers/promises";
import { returnMemory } from "./src/shared/return-memory.ts";
const { gc } = globalThis;
let collections = 0;
globalThis.gc = (how) => { collections++; gc(how); };
const stop = returnMemory(1_000);
for (const end = performance.now() + 5_000; performance.now() < end; await sleep(0))
  for (const pause = performance.now() + 20; performance.now() < pause; );
const busy = collections;
for (const end = performance.now() + 50_000; collections === busy && performance.now() < end; ) await sleep(200);
stop();
console.log(JSON.stringify({ busy, rested: collections - busy }));
`;

test("a process at work is not held up", async () => {
  const flags = ["--expose-gc", "--import", "tsx", "--input-type=module", "--eval", BUSY_PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 120_000 });
  assert.deepEqual(JSON.parse(stdout), { busy: 0, rested: 1 });
});

test("the units let their programs give it back", () => {
  for (const unit of ["mirrorlet", "mirrorlet-helper"])
    assert.match(
      readFileSync(`systemd/${unit}.service`, "utf8"),
      /^ExecStart=\S+ (\S+ )*--expose-gc /m,
      unit,
    );
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { HostError } from "../../src/agent/ports.ts";
import { createFiles } from "../../src/host/files.ts";
import { isFullSweep } from "../support/sweep.ts";
import { scratch } from "./scratch.ts";

const ROUNDS = isFullSweep ? 3_000 : 100;
const END = "# the end\n";

for (const how of ["rename", "in-place"] as const) {
  test(`another process edits config.toml all the time, by ${how}: no edit of its is lost, none is torn`, {
    timeout: 600_000,
  }, async (t) => {
    const root = scratch(t);
    const path = join(root, "config.toml");
    writeFileSync(path, `version = 2\n# site 0\n# ours 0\n${"#\n".repeat(2000)}${END}`);
    const writer = await startWriter(path, how, t);
    const files = createFiles({ root });
    const counts = { replaced: 0, refused: 0 };
    const met = () => counts.replaced > 5 && counts.refused > 5;
    // On a busy machine the writer comes first nearly always: as long as it takes to meet both.
    for (let round = 0; round < ROUNDS || (!met() && round < 100 * ROUNDS); ) {
      const found = Buffer.from((await files.read("/config.toml"))?.bytes ?? "");
      const text = found.toString();
      // In the middle of being written; the pass waits for a file to become quiet.
      if (!text.endsWith(END)) {
        await setTimeout(1);
        continue;
      }
      round += 1;
      const wanted = text.replace(/^# ours \d+$/m, `# ours ${counts.replaced}`);
      try {
        await files.replace("/config.toml", Buffer.from(wanted), found);
        counts.replaced += 1;
      } catch (error) {
        if (!(error instanceof HostError) || error.code !== "changed") throw error;
        counts.refused += 1;
      }
    }
    const { edits, lost } = await endOf(writer);
    t.diagnostic(JSON.stringify({ ...counts, edits, lost }));
    assert.ok(met() && edits > 10, "nothing met");
    assert.equal(lost, 0);
    assert.deepEqual(readdirSync(root), ["config.toml"]);
  });
}

async function startWriter(path: string, how: string, t: TestContext): Promise<ChildProcess> {
  const args = ["--import", "tsx", join(import.meta.dirname, "racing-driver.ts"), path, how];
  const writer = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => writer.kill("SIGKILL"));
  await once(writer.stdout as NonNullable<typeof writer.stdout>, "data"); // it has begun
  return writer;
}

async function endOf(writer: ChildProcess): Promise<{ readonly edits: number; readonly lost: number }> {
  let text = "";
  writer.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  writer.stdin?.end("\n");
  await once(writer, "close");
  return JSON.parse(text);
}

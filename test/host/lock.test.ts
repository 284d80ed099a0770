import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { acquireLock } from "../../src/host/lock.ts";
import { scratch, undo } from "./scratch.ts";

test("a second process is refused and told who holds the lock; a killed holder loses it", async (t) => {
  const path = join(scratch(t), "run/mirrorlet.lock");
  const holder = await holdElsewhere(t, path);
  assert.deepEqual(acquireLock(path), { held: false, holder: holder.pid });
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const mine = acquireLock(path);
  assert.ok(mine.held);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  assert.deepEqual(acquireLock(path), { held: false, holder: process.pid });
  mine.release();
  const again = acquireLock(path);
  assert.ok(again.held);
  again.release();
});

test("the root is put before the path", (t) => {
  const root = scratch(t);
  const lock = acquireLock("/run/mirrorlet.lock", root);
  assert.ok(lock.held);
  assert.equal(readFileSync(join(root, "run/mirrorlet.lock"), "utf8"), `${process.pid}\n`);
  lock.release();
});

async function holdElsewhere(t: TestContext, path: string): Promise<ChildProcess> {
  const lock = join(import.meta.dirname, "../../src/host/lock.ts");
  const code = `import { acquireLock } from ${JSON.stringify(lock)};
    const lock = acquireLock(${JSON.stringify(path)});
    console.log(lock.held);
    setInterval(() => {}, 1000);`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  undo(t, () => child.kill("SIGKILL"));
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(chunk.toString().trim(), "true");
  return child;
}

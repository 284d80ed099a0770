import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RenderedFile } from "../../src/core/file-tree.ts";

/** A directory that goes away with the test. */
export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "mirrorlet-host-"));
  undo(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function rendered(path: string, text: string, mode = 0o644): RenderedFile {
  return { path, bytes: Buffer.from(text), mode, secret: false };
}

/** Runs a command as the test needs it done; undefined and a skip where the machine does not allow it. */
export function tryCommand(t: TestContext, command: string, ...args: readonly string[]): boolean {
  const run = spawnSync(command, args, { encoding: "utf8" });
  if (run.status === 0) return true;
  t.skip(`${command} ${args[0] ?? ""} is not possible here: ${run.error?.message ?? run.stderr.trim()}`);
  return false;
}

/** Mounts until the end of the test; false and a skip without the right to. */
export function tryMount(t: TestContext, target: string, ...args: readonly string[]): boolean {
  if (!tryCommand(t, "mount", ...args, target)) return false;
  undo(t, () => spawnSync("umount", [target]));
  return true;
}

const undoing = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs at the end of the test, last registered first: an unmount before the removal of its directory. */
export function undo(t: TestContext, step: () => unknown): void {
  const steps = undoing.get(t);
  if (steps !== undefined) {
    steps.push(step);
    return;
  }
  const fresh = [step];
  undoing.set(t, fresh);
  t.after(() => {
    for (const one of fresh.toReversed()) one();
  });
}

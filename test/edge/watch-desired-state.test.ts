import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Log } from "../../src/agent/ports.ts";
import { createSettledReads } from "../../src/edge/settle-reads.ts";
import { watchDesiredState } from "../../src/edge/watch-desired-state.ts";

const waitMs = 5000;
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Reads when it is asked to, as the agent would; counts that, and waits for the next time or for quiet. Readings
 * count, not what asked for them: a reading under way sees to a touch by reading again.
 */
class Readings {
  count = 0;
  #wake: () => void = () => {};
  readonly #reads = createSettledReads(20, 200, () => {
    void this.#reads.settled(async () => {
      this.count++;
      this.#wake();
    });
  });
  readonly touch = this.#reads.touched;

  /** Resolves at the first reading after the `change` began; fails when there is none in time. */
  async after(change: () => Promise<unknown>): Promise<void> {
    const before = this.count;
    await change();
    const deadline = AbortSignal.timeout(waitMs);
    while (this.count === before) await this.#next(deadline);
    await this.quiet();
  }

  /** Resolves when nothing was read for a while. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.count; ) {
      seen = this.count;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  #next(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      deadline.addEventListener("abort", () => reject(new Error("no reading")), { once: true });
    });
  }
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mirrorlet-watch-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function watching(t: TestContext, path: string, root = ""): Promise<Readings> {
  const readings = new Readings();
  const watch = watchDesiredState({ path, root, log: silent }, readings.touch);
  t.after(() => watch.close());
  await watch.ready;
  return readings;
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

test("a file: written in place, replaced, again and again", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "1");
  const readings = await watching(t, file);
  assert.equal(readings.count, 0);
  for (let round = 0; round < 3; round++) {
    await readings.after(() => writeFile(file, `in place ${round}`));
    await readings.after(() => replace(file, `replaced ${round}`));
  }
});

test("a file: saved by editors that rename the old one away or remove it first", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "1");
  const readings = await watching(t, file);
  for (let round = 0; round < 2; round++) {
    await readings.after(async () => {
      await rename(file, `${file}~`);
      await writeFile(file, "2");
    });
    await readings.after(() => rm(file));
    await readings.after(() => writeFile(file, "3"));
  }
});

test("a file: changed mode, so that a refusal is taken back when the operator mends it", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "1");
  const readings = await watching(t, file);
  await readings.after(() => chmod(file, 0o666));
  await readings.after(() => chmod(file, 0o600));
});

test("a file: missing with two of its parents, created, removed with them, created again", async (t) => {
  const base = await folder(t);
  const file = join(base, "etc", "mirrorlet", "state.yaml");
  const readings = await watching(t, file);
  for (let round = 0; round < 2; round++) {
    await readings.after(async () => {
      await mkdir(join(base, "etc", "mirrorlet"), { recursive: true });
      await writeFile(file, "1");
    });
    await readings.after(() => replace(file, "2"));
    await readings.after(() => rm(join(base, "etc"), { recursive: true }));
  }
});

test("a file: its directory replaced by another one", async (t) => {
  const base = await folder(t);
  await mkdir(join(base, "a/b"), { recursive: true });
  await mkdir(join(base, "new/b"), { recursive: true });
  const file = join(base, "a/b/state.yaml");
  await writeFile(file, "1");
  await writeFile(join(base, "new/b/state.yaml"), "2");
  const readings = await watching(t, file);
  await readings.after(async () => {
    await rename(join(base, "a"), join(base, "old"));
    await rename(join(base, "new"), join(base, "a"));
  });
  await readings.after(() => writeFile(file, "3"));
});

async function publish(volume: string, stamp: string, text: string): Promise<void> {
  await mkdir(join(volume, stamp));
  await writeFile(join(volume, stamp, "state.yaml"), text);
  await symlink(stamp, join(volume, "..data_tmp"));
  await rename(join(volume, "..data_tmp"), join(volume, "..data"));
}

for (const watchedName of ["state.yaml", ""]) {
  test(`a Kubernetes volume, ${watchedName === "" ? "the directory" : "the file"}: swapped link`, async (t) => {
    const volume = await folder(t);
    await publish(volume, "..2026_01", "1");
    await symlink("..data/state.yaml", join(volume, "state.yaml"));
    const readings = await watching(t, join(volume, watchedName));
    for (const stamp of ["..2026_02", "..2026_03"]) {
      await readings.after(() => publish(volume, stamp, stamp));
      await readings.after(() => writeFile(join(volume, stamp, "state.yaml"), "in place"));
    }
  });
}

test("a directory: files come, change and go; what is not read is not looked at", async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, "a.yaml"), "1");
  const readings = await watching(t, directory);
  await readings.after(() => writeFile(join(directory, "b.json"), "{}"));
  await readings.after(() => writeFile(join(directory, "b.json"), "[]"));
  await readings.after(() => rm(join(directory, "a.yaml")));
  const { count } = readings;
  await writeFile(join(directory, "README"), "x");
  await writeFile(join(directory, ".c.yaml.swp"), "x");
  await readings.quiet();
  assert.equal(readings.count, count);
});

test("neighbours of the file are not read for", async (t) => {
  const directory = await folder(t);
  const file = join(directory, "state.yaml");
  await writeFile(file, "1");
  const readings = await watching(t, file);
  for (let i = 0; i < 20; i++) await writeFile(join(directory, `other-${i}.yaml`), "x");
  await readings.quiet();
  assert.equal(readings.count, 0);
});

test("a file that is written through another name of it", async (t) => {
  const directory = await folder(t);
  const file = join(directory, "state.yaml");
  const elsewhere = join(await folder(t), "source.yaml");
  await writeFile(elsewhere, "1");
  await link(elsewhere, file);
  const readings = await watching(t, file);
  await readings.after(() => writeFile(elsewhere, "2"));
  await readings.after(() => replace(file, "3"));
  const { count } = readings;
  await writeFile(elsewhere, "no longer that file");
  await readings.quiet();
  assert.equal(readings.count, count);
});

const noStrace = spawnSync("strace", ["-V"]).status !== 0 && "strace is not installed";
for (const [where, part] of [
  ["a parent of a parent", "."],
  ["a parent", "a"],
  ["the directory itself", "a/b"],
] as const) {
  test(`a thousand writes in ${where}: nothing is listed for them, and nothing read`, {
    skip: noStrace,
  }, async (t) => {
    const base = await folder(t);
    await mkdir(join(base, "a/b"), { recursive: true });
    const file = join(base, "a/b/state.yaml");
    await writeFile(file, "1");
    const log = join(await folder(t), "log");
    const driver = join(import.meta.dirname, "watch-driver.ts");
    const trace = ["-f", "-y", "-s", "4096", "-o", log, "-e", "trace=openat,getdents64"];
    const args = [...trace, process.execPath, "--import", "tsx", driver, file, join(base, part)];
    const run = spawnSync("strace", args, { encoding: "utf8", timeout: 60_000 });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stdout, "0");
    const during = readFileSync(log, "utf8").split("/begins").at(-1) ?? "";
    assert.match(during, /\.other/, "the writes are in the trace");
    const listings = during.split("\n").filter((line) => line.includes("getdents64") && line.includes(base));
    assert.deepEqual(listings, []);
  });
}

test("a flood of replacements: far fewer readings, never silence for long, and one after the last", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "1");
  const readings = await watching(t, file);
  const startMs = performance.now();
  let writes = 0;
  for (; performance.now() - startMs < 1000; writes++) {
    writeFileSync(`${file}.tmp`, `${writes}`);
    renameSync(`${file}.tmp`, file);
    // The watcher gets its turns in between, without the writer ever being quiet for long.
    if (writes % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const during = readings.count;
  await readings.after(() => replace(file, "last"));
  assert.ok(during >= 2 && during < writes / 5, `${during} readings for ${writes} writes`);
});

test("below a root, absolute links stay in it", async (t) => {
  const root = await folder(t);
  await mkdir(join(root, "etc"));
  await mkdir(join(root, "srv"));
  await writeFile(join(root, "srv/state.yaml"), "1");
  await symlink("/srv/state.yaml", join(root, "etc/state.yaml"));
  const readings = await watching(t, "/etc/state.yaml", root);
  await readings.after(() => replace(join(root, "srv/state.yaml"), "2"));
});

test("closed at any moment, it leaves no watch behind that would keep the process alive", async (t) => {
  const directory = await folder(t);
  const file = join(directory, "etc", "state.yaml");
  for (let round = 0; round < 40; round++) {
    const watch = watchDesiredState({ path: file, root: "", log: silent }, () => {});
    if (round % 2 === 0) await watch.ready;
    await mkdir(join(directory, "etc"));
    await writeFile(file, "1");
    await new Promise((resolve) => setTimeout(resolve, round));
    await rm(join(directory, "etc"), { recursive: true });
    await watch.close();
  }
  // Handles are gone one turn of the loop after they are closed.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap"),
    [],
  );
});

test("nothing after close, which may come at any moment", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "1");
  const readings = new Readings();
  const early = watchDesiredState({ path: file, root: "", log: silent }, readings.touch);
  await early.close();
  const late = watchDesiredState({ path: file, root: "", log: silent }, readings.touch);
  await late.ready;
  writeFileSync(file, "2");
  await late.close();
  await writeFile(file, "3");
  await readings.quiet();
  assert.equal(readings.count, 0);
});

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Log } from "../../src/agent/ports.ts";
import { type WatchTarget, watchPaths } from "../../src/edge/watch-paths.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mirrorlet-drift-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function watching(t: TestContext, targets: readonly WatchTarget[]) {
  let count = 0;
  let wake = () => {};
  const watch = watchPaths(
    () => targets,
    silent,
    () => {
      count++;
      wake();
    },
  );
  // The watch itself does not keep a process alive, so the test has to.
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    watch.close();
    clearInterval(alive);
  });
  const quiet = async () => {
    for (let seen = -1; seen !== count; ) {
      seen = count;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return count;
  };
  const after = async (change: () => Promise<unknown>) => {
    const before = count;
    const changed = new Promise<void>((resolve, reject) => {
      wake = resolve;
      setTimeout(() => reject(new Error("the change was not seen")), 5000).unref();
    });
    await change();
    if (count === before) await changed;
    await quiet();
  };
  return { after, quiet, watch };
}

test("drift in a registry's directory: written, replaced, removed, added", async (t) => {
  const directory = join(await folder(t), "gcr.io");
  await mkdir(directory);
  const file = join(directory, "hosts.toml");
  await writeFile(file, "1");
  const { after } = watching(t, [{ directory }]);
  await after(() => writeFile(file, "2"));
  await after(async () => {
    await writeFile(`${file}.tmp`, "3");
    await rename(`${file}.tmp`, file);
  });
  await after(() => rm(file));
  await after(() => writeFile(join(directory, "ca.crt"), "x"));
});

test("only the named entries matter, next to many others", async (t) => {
  const directory = await folder(t);
  const { after, quiet } = watching(t, [{ directory, only: ["config.toml"] }]);
  for (let i = 0; i < 20; i++) await writeFile(join(directory, `other-${i}`), "x");
  assert.equal(await quiet(), 0);
  await after(() => writeFile(join(directory, "config.toml"), "x"));
});

test("a directory that is removed and made again, several times, and replaced by another", async (t) => {
  const base = await folder(t);
  const directory = join(base, "certs.d", "gcr.io");
  await mkdir(directory, { recursive: true });
  const { after } = watching(t, [{ directory: join(base, "certs.d") }, { directory }]);
  for (let round = 0; round < 3; round++) {
    await after(() => rm(join(base, "certs.d"), { recursive: true }));
    await after(() => mkdir(directory, { recursive: true }));
    await after(() => writeFile(join(directory, "hosts.toml"), `${round}`));
  }
  await mkdir(join(base, "new"));
  await after(async () => {
    await rename(directory, join(base, "old"));
    await rename(join(base, "new"), directory);
  });
  await after(() => writeFile(join(directory, "hosts.toml"), "in the new one"));
});

test("a directory that is missing with its parents is waited for", async (t) => {
  const base = await folder(t);
  const directory = join(base, "etc/containerd/certs.d");
  const { after } = watching(t, [{ directory }]);
  await after(() => mkdir(join(base, "etc")));
  await after(() => mkdir(directory, { recursive: true }));
  await after(() => mkdir(join(directory, "gcr.io")));
});

test("refresh follows the targets", async (t) => {
  const base = await folder(t);
  const targets: WatchTarget[] = [];
  const { after, quiet, watch } = watching(t, targets);
  await writeFile(join(base, "a"), "x");
  assert.equal(await quiet(), 0);
  targets.push({ directory: base });
  watch.refresh();
  await after(() => writeFile(join(base, "b"), "x"));
  const count = await quiet();
  targets.pop();
  watch.refresh();
  await writeFile(join(base, "c"), "x");
  assert.equal(await quiet(), count);
});

test("a flood is seen a few times only", async (t) => {
  const directory = await folder(t);
  const { quiet } = watching(t, [{ directory }]);
  for (let i = 0; i < 500; i++) await writeFile(join(directory, `${i % 7}`), "x");
  const count = await quiet();
  assert.ok(count >= 1 && count < 100, `${count} times`);
});

const canLimit =
  spawnSync("unshare", ["-Ur", "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"]).status === 0;
const noLimit = canLimit ? false : "needs user namespaces, to lower the inotify limit for one process";

for (const [what, left, seen] of [
  ["watches", 9, "seen\n"],
  ["instances", 0, ""],
] as const) {
  test(`out of inotify ${what}: one warning, the rest is still watched, nothing throws`, {
    skip: noLimit,
  }, async (t) => {
    const base = await folder(t);
    for (let i = 0; i < 30; i++) await mkdir(join(base, `${i}`));
    const output = await runLimited(base, `max_inotify_${what}`, left, '"watchPaths"');
    assert.equal(
      output,
      `warning: drift cannot be watched everywhere: it is noticed at the next resync; raise fs.inotify.max_user_${what}\n${seen}`,
    );
  });
}

test("out of inotify instances: the desired state is not watched, which is told once; with some again it is", {
  skip: noLimit,
}, async (t) => {
  const base = await folder(t);
  const output = await runLimited(base, "max_inotify_instances", 0, '"watchDesiredState"');
  assert.match(
    output,
    /^warning: desired state cannot be watched: [^\n]*fs\.inotify limits may be too low\nseen\n$/,
  );
});

/** What a process of its own says that watches below `base` with a limit of its own, and lives for two seconds. */
async function runLimited(base: string, limit: string, left: number, what: string): Promise<string> {
  const script = join(base, "watch.mts");
  const edge = join(import.meta.dirname, "../../src/edge");
  await writeFile(join(base, "desired.yaml"), "");
  await writeFile(
    script,
    `import { writeFileSync } from "node:fs";
     import { watchDesiredState } from ${JSON.stringify(join(edge, "watch-desired-state.ts"))};
     import { watchPaths } from ${JSON.stringify(join(edge, "watch-paths.ts"))};
     const base = ${JSON.stringify(base)};
     const log = { debug() {}, info() {}, warn: (_: object, message: string) => console.log("warning:", message), error() {} };
     const seen = () => { console.log("seen"); process.exit(0); };
     if (${what} === "watchPaths") {
       const targets = Array.from({ length: 30 }, (_, i) => ({ directory: base + "/" + i }));
       watchPaths(() => targets, log, seen).refresh();
       setTimeout(() => writeFileSync(targets[0].directory + "/x", ""), 100);
     } else {
       const watch = watchDesiredState({ path: base + "/desired.yaml", root: "", log }, seen);
       await watch.ready;
       watch.refresh();
       await new Promise((resolve) => setTimeout(resolve, 100));
       writeFileSync("/proc/sys/user/max_inotify_instances", "9");
       // That the watch is another one now is a touch.
       watch.refresh();
     }
     setTimeout(() => process.exit(0), 2000);`,
  );
  const limited = `echo ${left} > /proc/sys/user/${limit}; exec "$@"`;
  const command = [process.execPath, "--import", "tsx", script];
  return execFileSync("unshare", ["-Ur", "sh", "-c", limited, "-", ...command], { encoding: "utf8" });
}

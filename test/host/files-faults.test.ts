import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HostError } from "../../src/agent/ports.ts";
import { createFiles } from "../../src/host/files.ts";
import { rendered, scratch, tryCommand, tryMount, undo } from "./scratch.ts";

test("a full disk leaves the old file whole and no temporary file", async (t) => {
  const root = scratch(t);
  if (!tryMount(t, root, "-t", "tmpfs", "-o", "size=64k", "tmpfs")) return;
  const files = createFiles({ root });
  await files.write([rendered("/hosts.toml", "old")]);
  // Part of it fits: a writer that ignores short writes would publish that part.
  const tooMuch = rendered("/hosts.toml", "x".repeat(100 * 1024));
  const noSpace = { code: "no-space", path: "/hosts.toml", retryable: true };
  await assert.rejects(files.write([rendered("/other", "y"), tooMuch]), noSpace);
  await assert.rejects(files.replace("/hosts.toml", tooMuch.bytes, Buffer.from("old")), { code: "no-space" });
  await assert.rejects(
    files.createDirectories([{ path: "/d", files: [rendered("/d/x", "x".repeat(100 * 1024))] }]),
    { code: "no-space" },
  );
  assert.equal(readFileSync(join(root, "hosts.toml"), "utf8"), "old");
  assert.deepEqual(readdirSync(root), ["hosts.toml"]);
});

test("a read-only file system is named as such", async (t) => {
  const root = scratch(t);
  writeFileSync(join(root, "hosts.toml"), "old");
  if (!tryMount(t, root, "--bind", root)) return;
  if (!tryCommand(t, "mount", "-o", "remount,bind,ro", root)) return;
  const files = createFiles({ root });
  const readOnly = { code: "read-only", retryable: false };
  await assert.rejects(files.write([rendered("/hosts.toml", "new")]), readOnly);
  await assert.rejects(files.replace("/hosts.toml", Buffer.from("new"), Buffer.from("old")), readOnly);
  await assert.rejects(files.remove(["/hosts.toml"]), readOnly);
});

test("a bind-mounted file is not replaced, and the message says what to mount instead", async (t) => {
  const root = scratch(t);
  writeFileSync(join(root, "source"), "old");
  writeFileSync(join(root, "config.toml"), "");
  if (!tryMount(t, join(root, "config.toml"), "--bind", join(root, "source"))) return;
  const files = createFiles({ root });
  await assert.rejects(files.replace("/config.toml", Buffer.from("new"), Buffer.from("old")), (error) => {
    assert.ok(error instanceof HostError);
    assert.equal(error.code, "busy");
    assert.match(error.message, /mount its directory instead/);
    return true;
  });
  assert.equal(readFileSync(join(root, "source"), "utf8"), "old");
  assert.deepEqual(readdirSync(root).sort(), ["config.toml", "source"]);
});

test("an immutable file stays, with the reason", async (t) => {
  const root = scratch(t);
  const path = join(root, "config.toml");
  writeFileSync(path, "old");
  if (!tryCommand(t, "chattr", "+i", path)) return;
  undo(t, () => spawnSync("chattr", ["-i", path]));
  const files = createFiles({ root });
  const denied = { code: "denied", message: /immutable .*chattr -i/ };
  await assert.rejects(files.replace("/config.toml", Buffer.from("new"), Buffer.from("old")), denied);
  await assert.rejects(files.write([rendered("/config.toml", "new")]), denied);
  await assert.rejects(files.remove(["/config.toml"]), denied);
  assert.deepEqual(readdirSync(root), ["config.toml"]);
  assert.equal(readFileSync(path, "utf8"), "old");
});

test("replace keeps owner and extended attributes, behind a link too", async (t) => {
  const root = scratch(t);
  const path = join(root, "real.toml");
  writeFileSync(path, "old");
  symlinkSync("real.toml", join(root, "config.toml"));
  if (!tryPython(t, "import os,sys; os.setxattr(sys.argv[1], 'user.test', b'label')", path)) return;
  if (process.getuid?.() === 0) chownSync(path, 1234, 2345);
  const before = statSync(path);
  await createFiles({ root }).replace("/config.toml", Buffer.from("new"), Buffer.from("old"));
  const after = statSync(path);
  assert.deepEqual([after.uid, after.gid, after.mode], [before.uid, before.gid, before.mode]);
  assert.notEqual(after.ino, before.ino);
  assert.equal(readFileSync(path, "utf8"), "new");
  assert.ok(tryPython(t, "import os,sys; assert os.getxattr(sys.argv[1], 'user.test') == b'label'", path));
});

const TEMPORARY = ".target.mirrorlet-tmp-000000000000";
const inject = (call: string, fault: string): string[] => [
  "-e",
  `trace=${call}`,
  "-e",
  `inject=${call}:${fault}`,
];

for (const [call, fault, code] of [
  ["openat", "error=EMFILE", "too-many-files"],
  ["write", "error=ENOSPC", "no-space"],
  ["write", "error=EDQUOT", "no-space"],
  ["fchmod", "error=EPERM", "denied"],
  ["fsync", "error=ENOSPC", "no-space"],
  ["rename", "error=EXDEV", "other-device"],
  ["rename", "error=EROFS", "read-only"],
] as const) {
  test(`${call} failing with ${fault.slice(6)} leaves the old file and no stray`, (t) => {
    const root = scratch(t);
    writeFileSync(join(root, "target"), "old");
    const answer = traced(t, root, [...inject(call, fault)]);
    if (answer === undefined) return;
    assert.equal(answer.ok, false);
    assert.equal(answer.code, code);
    assert.equal(answer.path, "/target");
    assert.equal(readFileSync(join(root, "target"), "utf8"), "old");
    assert.deepEqual(readdirSync(root), ["target"]);
  });
}

test("after a failed fsync a whole new file is written; the descriptor is not asked again", (t) => {
  const root = scratch(t);
  const answer = traced(t, root, inject("fsync", "error=EIO:when=1"));
  if (answer === undefined) return;
  assert.deepEqual(answer, { ok: true, attempts: 2 });
  assert.equal(readFileSync(join(root, "target"), "utf8"), "new");
  assert.deepEqual(readdirSync(root), ["target"]);
});

test("the mode is set before the first byte and the file is durable before its rename", (t) => {
  const root = scratch(t);
  const log = join(scratch(t), "log");
  const answer = traced(t, root, ["-o", log, "-e", "trace=openat,fchmod,write,pwrite64,fsync,close,rename"]);
  if (answer === undefined) return;
  const calls = readFileSync(log, "utf8").match(/\b(openat|fchmod|p?write(64)?|fsync|close|rename)(?=\()/g);
  assert.deepEqual(calls, ["openat", "fchmod", "write", "fsync", "close", "rename"]);
  assert.match(readFileSync(log, "utf8"), /O_CREAT\|O_EXCL\|.*, 0600\)/);
});

interface Answer {
  readonly ok: boolean;
  readonly code?: string;
  readonly path?: string;
  readonly attempts: number;
}

// Filtered by the temporary path: an unfiltered fault would hit the runtime's own files.
function traced(t: TestContext, root: string, options: readonly string[]): Answer | undefined {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    t.skip("strace is not installed");
    return undefined;
  }
  const quiet = options.includes("-o") ? [] : ["-o", "/dev/null"];
  const driver = join(import.meta.dirname, "write-driver.ts");
  const args = ["-f", ...quiet, "-P", join(root, TEMPORARY), ...options];
  const run = spawnSync("strace", [...args, process.execPath, "--import", "tsx", driver, root, "new"], {
    encoding: "utf8",
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    timeout: 60_000,
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as Answer;
}

function tryPython(t: TestContext, code: string, ...args: readonly string[]): boolean {
  return tryCommand(t, "python3", "-c", code, ...args);
}

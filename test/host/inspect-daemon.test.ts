import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseUnit } from "../../src/host/daemon-unit.ts";
import { createDaemonInspector } from "../../src/host/inspect-daemon.ts";

const inspector = createDaemonInspector();
const isRoot = process.getuid?.() === 0;

function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "mirrorlet-inspect-"));
  chmodSync(path, 0o755);
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const LISTEN = `
  const server = require("net").createServer();
  server.listen(process.argv[1], () => console.log("ready"));
`;

interface DaemonOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Put before the program. */
  readonly wrapper?: readonly string[];
}

/** A process that listens on the socket until the test is over. */
async function startDaemon(
  t: TestContext,
  socket: string,
  options: DaemonOptions = {},
): Promise<ChildProcess> {
  const { args = [], env = {}, uid, wrapper = [] } = options;
  const [program = "", ...rest] = [...wrapper, process.execPath, "-e", LISTEN, socket, ...args];
  const child = spawn(program, rest, {
    cwd: "/usr",
    env,
    stdio: ["ignore", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout ?? child, "data");
  return child;
}

test("the process behind a socket: when it started, how, with what, and that it is ours", async (t) => {
  const directory = scratch(t);
  const socket = join(directory, "d.sock");
  const beforeMs = Date.now();
  const child = await startDaemon(t, socket, {
    args: ["--config", "/a b"],
    env: { HTTPS_PROXY: "http://p:1" },
  });
  const found = inspector.find(socket);
  assert.ok(typeof found === "object");
  assert.equal(found.pid, child.pid);
  // The kernel counts in ticks of 10 ms.
  assert.ok(
    found.startedMs !== undefined && found.startedMs >= beforeMs - 50 && found.startedMs <= Date.now(),
  );
  assert.ok(found.listeningMs !== undefined && found.listeningMs >= found.startedMs - 50);
  assert.deepEqual(found.commandLine?.slice(-3), [socket, "--config", "/a b"]);
  assert.deepEqual(found.environment, { HTTPS_PROXY: "http://p:1" });
  assert.equal(found.executable, process.execPath);
  assert.equal(found.workingDirectory, "/usr");
  assert.equal(found.uid, process.getuid?.());
  assert.equal(found.isApart, false);
  assert.ok(inspector.isListenedOn(socket));
  const linked = join(directory, "link");
  symlinkSync(directory, linked);
  const behind = inspector.find(join(linked, "d.sock"));
  assert.equal(typeof behind === "object" ? behind.pid : behind, child.pid, "a socket behind a link");
});

test("nobody listens at a socket that was left behind", async (t) => {
  const socket = join(scratch(t), "d.sock");
  assert.equal(inspector.find(socket), "none");
  const child = await startDaemon(t, socket);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(inspector.find(socket), "none");
  assert.equal(inspector.isListenedOn(socket), false);
});

test("a process with mounts of its own is told, and its files are seen as it sees them", {
  skip: isRoot ? false : "mount namespaces take root",
}, async (t) => {
  const directory = scratch(t);
  const [ours, theirs] = [join(directory, "ours"), join(directory, "theirs")];
  for (const path of [ours, theirs]) mkdirSync(path);
  writeFileSync(join(ours, "f"), "ours");
  writeFileSync(join(theirs, "f"), "theirs");
  const socket = join(directory, "d.sock");
  const script = `mount --bind ${theirs} ${ours} && exec "$@"`;
  await startDaemon(t, socket, { wrapper: ["unshare", "-m", "sh", "-c", script, "sh"] });
  const found = inspector.find(socket);
  assert.ok(typeof found === "object");
  assert.equal(found.isApart, true);
  const file = await inspector.filesSeenBy(found.pid).read(join(ours, "f"));
  assert.equal(file && Buffer.from(file.bytes).toString(), "theirs");
});

test("what a process may not read by owner and mode", {
  skip: isRoot ? false : "other users take root",
}, async (t) => {
  const directory = scratch(t);
  const socket = join(directory, "d.sock");
  chmodSync(directory, 0o777);
  const user = 65_534;
  await startDaemon(t, socket, { uid: user });
  const found = inspector.find(socket);
  assert.ok(typeof found === "object");
  assert.equal(found.uid, user);
  mkdirSync(join(directory, "closed"), { mode: 0o700 });
  const paths = ["open", "secret", "closed/open"].map((name) => join(directory, name));
  for (const path of paths) writeFileSync(path, "");
  chmodSync(join(directory, "secret"), 0o600);
  const absent = join(directory, "absent");
  assert.deepEqual(inspector.unreadableFor(found.pid, [...paths, absent]), paths.slice(1));
  chownSync(join(directory, "secret"), 1, 1);
  assert.deepEqual(inspector.unreadableFor(process.pid, paths), [], "root reads what is another's");
});

test("the newest file is told by its change, not by the time it was given", (t) => {
  const directory = scratch(t);
  const long = new Date("2001-01-01");
  const path = join(directory, "ca.crt");
  const beforeMs = Date.now();
  writeFileSync(path, "");
  utimesSync(path, long, long);
  const newest = inspector.newestBelow([join(directory, "absent"), directory], process.pid);
  assert.equal(newest?.path, path);
  assert.ok((newest?.changedMs ?? 0) >= beforeMs - 50);
  assert.equal(inspector.changedMs(join(directory, "absent"), process.pid), undefined);
});

test("a unit as systemctl shows it: files win over the unit, quotes are taken off", () => {
  const shown = [
    "LoadState=loaded",
    "NeedDaemonReload=yes",
    `Environment=HTTP_PROXY=http://a:1 "NO_PROXY=a, b" EMPTY=`,
    "EnvironmentFiles=/etc/default/containerd (ignore_errors=yes)",
    "EnvironmentFiles=/etc/absent (ignore_errors=no)",
  ].join("\n");
  const files: Readonly<Record<string, string>> = {
    "/etc/default/containerd": `# comment\nHTTP_PROXY="http://b:2"\n\nX=1\n`,
  };
  assert.deepEqual(
    parseUnit(shown, (path) => files[path]),
    {
      needsReload: true,
      environment: { HTTP_PROXY: "http://b:2", NO_PROXY: "a, b", EMPTY: "", X: "1" },
    },
  );
  assert.equal(
    parseUnit("LoadState=not-found\nNeedDaemonReload=no\n", () => undefined),
    undefined,
  );
});

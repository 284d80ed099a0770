import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

const main = join(import.meta.dirname, "../../src/main.ts");
const node = [process.execPath, "--import", "tsx", main] as const;

function mirrorlet(args: readonly string[], env: Record<string, string> = {}) {
  const [command, ...rest] = node;
  const run = spawnSync(command, [...rest, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...env },
    timeout: 60_000,
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mirrorlet-main-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface Agent {
  readonly child: ChildProcess;
  /** The first log line, already seen or to come, that has this message. */
  line(message: RegExp): Promise<Record<string, unknown>>;
  exit(): Promise<number | null>;
}

/** An agent on an empty node below `root`, without containerd. */
function startAgent(t: TestContext, root: string, ...more: readonly string[]): Agent {
  const settings = [
    "containerd.binary=/nonexistent/containerd",
    "http.address=127.0.0.1:0",
    // Its port is one for the whole machine.
    "evidence.witness=false",
    "log.level=debug",
  ];
  const args = ["--root", root, "agent", ...settings.flatMap((setting) => ["--set", setting]), ...more];
  const [command, ...rest] = node;
  const child = spawn(command, [...rest, ...args], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const lines: string[] = [];
  let wake = () => {};
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  const line = async (message: RegExp) => {
    const deadline = setTimeout(() => child.kill("SIGKILL"), 15_000);
    let over = false;
    void exited.then(() => {
      over = true;
      wake();
    });
    for (let next = 0; ; next++) {
      while (next >= lines.length) {
        assert.ok(!over, `the agent ended:\n${lines.join("\n")}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const event = JSON.parse(lines[next] ?? "{}");
      if (!message.test(event.message)) continue;
      clearTimeout(deadline);
      return event;
    }
  };
  return { child, line, exit: async () => (await exited)[0] };
}

test("version and usage errors as a process", () => {
  const { version } = JSON.parse(mirrorlet(["version", "--json"]).stdout);
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.deepEqual(mirrorlet(["plna"]), {
    code: 64,
    stdout: "",
    stderr:
      "mirrorlet: unknown command 'plna'\n(Did you mean plan?)\n(mirrorlet --help shows what there is)\n",
  });
});

test("version and validate load neither gRPC nor what only the agent needs", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "");
  const loaded = (...args: string[]) => {
    const { stderr } = mirrorlet(args, { NODE_DEBUG: "module" });
    return ["@grpc/grpc-js", "prom-client", "pino"].filter((name) =>
      stderr.includes(`node_modules/${name}/`),
    );
  };
  assert.deepEqual(loaded("version"), []);
  assert.deepEqual(loaded("completion", "bash"), []);
  assert.deepEqual(loaded("validate", file), []);
  assert.ok(loaded("plan", file).length > 0, "this way of looking sees what is loaded");
});

test("a reader that leaves early is no error", () => {
  const run = spawnSync(
    "bash",
    [
      "--norc",
      "-o",
      "pipefail",
      "-c",
      '"$@" 2>&1 | head -c 1 >/dev/null',
      "-",
      ...node,
      "agent",
      "--print-config",
    ],
    { encoding: "utf8", env: { PATH: process.env["PATH"] } },
  );
  assert.deepEqual([run.status, run.stdout, run.stderr], [0, "", ""]);
});

test("whoever reads leaves before anything is written: the exit code is still that of the work", async (t) => {
  const file = join(await folder(t), "state.yaml");
  await writeFile(file, "nonsense: true\n");
  for (const streams of [["stdout"], ["stderr"], ["stdout", "stderr"]] as const) {
    const [command, ...rest] = node;
    const child = spawn(command, [...rest, "validate", file], { env: { PATH: process.env["PATH"] } });
    for (const name of streams) child[name].destroy();
    assert.deepEqual(await once(child, "exit"), [65, null], streams.join());
  }
});

test("what cannot be written to a full disk is told, and is no success", () => {
  const run = spawnSync("bash", ["-c", '"$@" >/dev/full', "-", ...node, "version"], { encoding: "utf8" });
  assert.deepEqual(
    [run.status, run.stderr],
    [
      1,
      "mirrorlet: what belongs to standard output could not be written: ENOSPC: no space left on device, write\n",
    ],
  );
});

test("--print-config tells the origin of each value; bad configuration is 78 with every place", async (t) => {
  const file = join(await folder(t), "agent.toml");
  await writeFile(file, 'resync = "1m"\n');
  const print = (...more: string[]) =>
    mirrorlet(["agent", "--print-config", "--config", file, ...more], { MIRRORLET_STYLE: "legacy" });
  const { code, stdout } = print("--set", "log.level=warn");
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^resync = "1m" +# ${file}:1$`, "m"));
  assert.match(stdout, /^style = "legacy" +# MIRRORLET_STYLE$/m);
  assert.match(stdout, /^level = "warn" +# --set log\.level$/m);
  const { schema, settings } = JSON.parse(print("--json").stdout);
  assert.equal(schema, "mirrorlet.agent-config/v1");
  assert.deepEqual(
    settings.find(({ key }: { key: string }) => key === "resync"),
    {
      key: "resync",
      toml: '"1m"',
      origin: { from: "file", at: { file, line: 1, column: 1 } },
    },
  );
  await writeFile(file, 'resnyc = "1m"\nstyle = 3\n');
  const bad = print();
  assert.deepEqual([bad.code, bad.stdout], [78, ""]);
  assert.match(bad.stderr, /agent\.toml:1:1: unknown key "resnyc".*\n.*agent\.toml:2:1: "style" must be/);
});

test("an agent.toml that others can write, or that is named but missing, is refused", async (t) => {
  const file = join(await folder(t), "agent.toml");
  const missing = mirrorlet(["agent", "--print-config"], { MIRRORLET_CONFIG: file });
  assert.deepEqual([missing.code, missing.stdout], [78, ""]);
  assert.match(missing.stderr, /there is no .*agent\.toml/);
  await writeFile(file, "");
  await chmod(file, 0o666);
  const open = mirrorlet(["agent", "--print-config", "--config", file]);
  assert.equal(open.code, 78);
  assert.match(open.stderr, /agent\.toml:1:1: .*can be written by users other than its owner \(mode 0666\)/);
});

test("agent.toml is found below --root", async (t) => {
  const root = await folder(t);
  await mkdir(join(root, "etc/mirrorlet"), { recursive: true });
  await writeFile(join(root, "etc/mirrorlet/agent.toml"), 'resync = "7m"\n');
  assert.match(
    mirrorlet(["--root", root, "agent", "--print-config"]).stdout,
    /^resync = "7m" +# \/etc\/mirrorlet\/agent\.toml:1$/m,
  );
});

test("the agent: answers on its listener, survives SIGUSR1 without an inspector, ends in order", async (t) => {
  const agent = startAgent(t, await folder(t));
  const { address } = await agent.line(/^mirrorlet is running$/);
  const get = (path: string) => fetch(`http://${address}${path}`, { headers: { connection: "close" } });
  assert.equal((await get("/livez")).status, 200);
  assert.equal((await get("/readyz")).status, 503);
  assert.match(await (await get("/metrics")).text(), /^mirrorlet_build_info\{/m);

  const before = await listeningInodes(agent.child.pid);
  agent.child.kill("SIGUSR1");
  agent.child.kill("SIGHUP");
  await agent.line(/^pass wanted$/);
  assert.equal((await get("/livez")).status, 200);
  assert.deepEqual(await listeningInodes(agent.child.pid), before);

  agent.child.kill("SIGTERM");
  assert.equal(await agent.exit(), 0);
  await assert.rejects(get("/livez"));
});

test("status: the agent's word while it runs, the record's when it does not, nobody else's ever", async (t) => {
  const root = await folder(t);
  const agent = startAgent(t, root);
  const { address } = await agent.line(/^mirrorlet is running$/);
  await agent.line(/--version does not answer/);
  const status = (...more: readonly string[]) =>
    mirrorlet(["--root", root, "status", "--set", `http.address=${address}`, ...more]);
  const running = status();
  assert.equal(running.code, 1);
  assert.match(
    running.stdout,
    /^No registry has a mirror here.* But the desired state is not in force: Reconciling: /,
  );
  assert.match(status("--npd").stdout, /^No registry has a mirror here: [^\n]*\.\.\.\n$/);
  assert.equal(JSON.parse(status("--json").stdout).source, "agent");
  agent.child.kill("SIGTERM");
  await agent.exit();
  const without = status();
  assert.deepEqual([without.code, without.stderr], [2, ""]);
  assert.match(
    without.stdout,
    /^Where pulls go is not known: the agent is not heard, .*: nothing listens there\.\n/,
  );
  assert.match(without.stdout, /^Nothing has been put in force on this node by mirrorlet\.$/m);
  assert.match(status("--npd").stdout, /^the agent is not heard: it does not answer at 127\.0\.0\.1:/);

  if (process.getuid?.() !== 0) return t.diagnostic("another user's listener needs root to make one");
  const port = String(address).split(":").at(-1);
  const lie = JSON.stringify({ schema: "mirrorlet.status/v1", summary: { sentence: "All is well." } });
  const program = `require("node:http").createServer((_, r) => r.end(${JSON.stringify(lie)})).listen(${port}, "127.0.0.1", () => console.log("up"))`;
  const other = spawn(process.execPath, ["-e", program], { uid: 65534, gid: 65534, cwd: "/", env: {} });
  t.after(() => other.kill("SIGKILL"));
  await once(other.stdout, "data");
  const forged = status();
  assert.equal(forged.code, 2);
  assert.match(forged.stdout, /is not run by root or by you, and is not believed/);
  assert.doesNotMatch(forged.stdout, /All is well/);
});

test("the agent serves the page, health and status.json of itself", async (t) => {
  const agent = startAgent(t, await folder(t));
  const { address } = await agent.line(/^mirrorlet is running$/);
  await agent.line(/--version does not answer/);
  const get = async (path: string) => {
    const response = await fetch(`http://${address}${path}`, { headers: { connection: "close" } });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };
  const health = await get("/health");
  assert.deepEqual([health.status, health.type], [200, "application/health+json"]);
  assert.equal(JSON.parse(health.text).checks["agent:configuration"][0].status, "warn");
  assert.match((await get("/")).text, /^<!doctype html>[\s\S]*No registry has a mirror here/);
  const { schema, config } = JSON.parse((await get("/status.json")).text);
  assert.deepEqual([schema, config.outcome], ["mirrorlet.status/v1", "deferred"]);
  const evidence = /^\[\+\]evidence ok: trace not up, witness not up, canary not up/m;
  for (let tries = 0; tries < 600 && !evidence.test((await get("/readyz?verbose")).text); tries++)
    await delay(100);
  assert.match((await get("/readyz?verbose")).text, evidence);
});

/** Sockets that this process listens on: the inspector would be one more. */
async function listeningInodes(pid: number | undefined): Promise<string[]> {
  const found = spawnSync(
    "bash",
    ["-c", `readlink /proc/${pid}/fd/* | sed -n 's/^socket:.\\([0-9]*\\).$/\\1/p'`],
    {
      encoding: "utf8",
    },
  ).stdout.split("\n");
  const tcp = await readFile("/proc/net/tcp", "utf8");
  const listening = tcp
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((field) => field[3] === "0A");
  return listening
    .map((field) => field[9] ?? "")
    .filter((inode) => found.includes(inode))
    .sort();
}

test("the agent: an address that is taken is 78 and says which setting to change", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const root = await folder(t);
  const { code, stderr } = mirrorlet(["--root", root, "agent", "--set", `http.address=127.0.0.1:${port}`]);
  assert.equal(code, 78);
  assert.match(
    stderr,
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program listens there.*http\\.address`),
  );
});

test("the agent: only one on a node", async (t) => {
  const root = await folder(t);
  const first = startAgent(t, root);
  await first.line(/^mirrorlet is running$/);
  const second = mirrorlet(["--root", root, "agent", "--set", "http.address=127.0.0.1:0"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /is at work on this node/);
  first.child.kill("SIGINT");
  assert.equal(await first.exit(), 0);
});

test("the agent: a feed to which nobody can tell who this node is is refused", () => {
  const { code, stderr } = mirrorlet([
    "agent",
    ...["feed.address=feed:1", "trust.keys=/k", "node.fleet=f"].flatMap((setting) => ["--set", setting]),
  ]);
  assert.equal(code, 78);
  assert.match(stderr, /by the certificate that this node shows/);
});

test("keys without a fleet, and what is no key, are refused before anything is done", async (t) => {
  const file = join(await folder(t), "desired.yaml");
  await writeFile(file, "registryMirrors: []\n");
  const key = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  for (const command of [["agent"], ["apply", file]]) {
    const lonely = mirrorlet([...command, "--set", `trust.keys=${key}`]);
    assert.equal(lonely.code, 78);
    assert.match(lonely.stderr, /set fleet = "…" in \[node\]/);
    const short = mirrorlet([...command, "--set", "trust.keys=ed25519:AA"]);
    assert.equal(short.code, 78);
    assert.match(short.stderr, /"trust\.keys" must be a list of paths/);
  }
});

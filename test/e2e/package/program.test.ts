import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readVersion } from "../../../src/cli/read-version.ts";
import { builtPackage, packageSkipReason } from "../../support/built-package.ts";
import { startContainerd } from "../../support/containerd.ts";
import { findFreePort } from "../../support/free-port.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";

const skip = packageSkipReason() ?? false;
let root = "";
let scratch = "";

before(async () => {
  if (skip !== false) return;
  const deb = await builtPackage();
  scratch = (await leaseDirectory("package")).path;
  root = join(scratch, "installed");
  execFileSync("dpkg-deb", ["--extract", deb, root]);
});

/** As /usr/bin/mirrorlet does, for the paths in it are those of a node. */
function program(): readonly [string, readonly string[]] {
  const lib = join(root, "usr/lib/mirrorlet");
  return [join(lib, "node"), ["--max-semi-space-size=1", join(lib, "main.js")]];
}

function run(...args: readonly string[]) {
  const [node, flags] = program();
  return spawnSync(node, [...flags, ...args], { encoding: "utf8", timeout: 60_000, cwd: "/" });
}

test("version: ours, on the runtime that is shipped", { skip }, () => {
  const { stdout } = run("version");
  assert.equal(stdout, `mirrorlet ${readVersion()} (node v24.21.0, linux x64)\n`);
  assert.match(readFileSync("scripts/lib/fetch-runtime.sh", "utf8"), /^runtime_version=24\.21\.0$/m);
});

test("every command shows its help", { skip }, () => {
  for (const name of [
    "agent",
    "plan",
    "apply",
    "status",
    "explain",
    "doctor",
    "restore",
    "validate",
    "render",
  ]) {
    const { status, stdout } = run(name, "--help");
    assert.equal(status, 0, name);
    assert.match(stdout, new RegExp(`Usage: mirrorlet ${name}`), name);
  }
});

test("validate and render work", { skip }, () => {
  const state = join(scratch, "state.yaml");
  writeFileSync(state, "registryMirrors:\n  - endpoint: https://mirror.example:5000\n    hosts: [quay.io]\n");
  assert.equal(run("validate", state).status, 0);
  const out = join(scratch, "tree");
  const { status, stderr } = run("render", state, "--out", out, "--containerd-version", "2.1.9");
  assert.equal(status, 0, stderr);
  assert.match(
    readFileSync(join(out, "etc/containerd/certs.d/quay.io/hosts.toml"), "utf8"),
    /mirror\.example:5000/,
  );
});

test("the agent starts, with its witness in a thread and gRPC to containerd, and ends in order", {
  skip: skip || (labSkipReason() ?? false),
}, async (context) => {
  const containerd = await startContainerd({ generation: "1.7" });
  context.after(() => containerd.stop());
  const [node, flags] = program();
  const [http, witness] = [await findFreePort(), await findFreePort()];
  const settings = {
    desired_state: join(scratch, "none.yaml"),
    state_dir: join(scratch, "state"),
    "containerd.socket": containerd.socket,
    "http.address": `127.0.0.1:${http}`,
    "evidence.witness_address": `127.0.0.1:${witness}`,
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const agent = spawn(node, [...flags, "agent", ...sets], { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
  try {
    let log = "";
    agent.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    for (let wait = 0; wait < 300 && !/mirrorlet is running/.test(log); wait++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.match(log, /the witness listens/);
    assert.match(log, /mirrorlet is running/);
    const page = await fetch(`http://127.0.0.1:${http}/status.json`);
    assert.equal(page.status, 200);
    // What its CRI and its plugins answer comes by gRPC.
    const doctor = (socket: string) => {
      const where = [
        "--set",
        `containerd.socket=${socket}`,
        "--set",
        `containerd.binary=${containerd.binary}`,
      ];
      const { stdout, stderr } = run("doctor", "--json", ...sets, ...where);
      assert.equal(stderr, "");
      return JSON.parse(stdout) as {
        readonly findings: readonly unknown[];
        readonly notChecked: readonly unknown[];
      };
    };
    const { findings, notChecked } = doctor(containerd.socket);
    assert.deepEqual([findings, notChecked], [[], []]);
    const deaf = doctor(join(scratch, "no.sock"));
    assert.notEqual(deaf.findings.length + deaf.notChecked.length, 0);
    agent.kill("SIGTERM");
    const [code] = await once(agent, "exit");
    assert.equal(code, 0, log);
  } finally {
    agent.kill("SIGKILL");
  }
});

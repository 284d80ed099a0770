import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runPass } from "../../../src/agent/pass.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import { scratch, tryMount, undo } from "../../host/scratch.ts";
import { bundleDriver } from "./bundle-driver.ts";
import { CONFIG } from "./crash-reference.ts";
import { after, daemonPath, jobOf, LEGACY, type Scenario } from "./crash-scenario.ts";
import { createRacingClock, driveNode, type Job } from "./driven-node.ts";
import { type FileDaemon, readDaemon, writeDaemon } from "./file-containerd.ts";

/*
 * Whole passes where config.toml or the state directory is not what one expects.
 */

const STATE = "/var/lib/mirrorlet";

interface OddNode {
  readonly root: string;
  readonly config: string;
  readonly state: string;
  readonly job: Job;
  pass(): Promise<PassReport>;
  readonly daemon: () => FileDaemon;
}

function oddNode(t: TestContext, refuses?: FileDaemon["refuses"]): OddNode {
  const root = scratch(t);
  const [config, state] = [join(root, CONFIG), join(root, STATE)];
  mkdirSync(join(root, "etc/containerd"), { recursive: true });
  mkdirSync(join(root, "var/lib"), { recursive: true });
  writeFileSync(config, LEGACY);
  const healthy = { restarts: 0, alive: true, criReady: true, running: LEGACY };
  writeDaemon(daemonPath(root), { ...healthy, ...(refuses === undefined ? {} : { refuses }) });
  const wanted = { version: "2.1.9", desired: after({ old: "", fresh: "" }), traces: false };
  const job = { ...jobOf(wanted as Scenario, root), countedNames: false };
  const clock = createRacingClock();
  const pass = async (): Promise<PassReport> => {
    await clock.sleep(60_000);
    return runPass(driveNode(job, { clock }).context);
  };
  return { root, config, state, job, pass, daemon: () => readDaemon(daemonPath(root)) };
}

function told({ conditions }: PassReport): string {
  return conditions.map(({ message }) => message).join("; ");
}

/** Nothing is half done: what is refused is refused before anything is written. */
async function assertRefused({ root, pass, daemon }: OddNode, words: RegExp): Promise<void> {
  const report = await pass();
  assert.equal(report.outcome, "failed", told(report));
  assert.match(told(report), words);
  assert.equal(existsSync(join(root, "etc/containerd/certs.d")), false);
  assert.equal(daemon().restarts, 0);
}

async function assertApplied({ config, pass, daemon }: OddNode): Promise<void> {
  const report = await pass();
  assert.equal(report.outcome, "applied", told(report));
  assert.match(readFileSync(config, "utf8"), /config_path = "\/etc\/containerd\/certs\.d"/);
  assert.deepEqual([daemon().restarts, daemon().alive], [1, true]);
  assert.equal((await pass()).outcome, "unchanged");
}

for (const [what, make, words] of [
  [
    "a link to itself",
    (path: string) => symlinkSync("config.toml", path),
    /symbolic links; .*back at itself/,
  ],
  ["a named pipe", (path: string) => execFileSync("mkfifo", [path]), /named pipe, not a file; move it away/],
  ["a directory", (path: string) => mkdirSync(path), /directory, not a file; move it away/],
] as const) {
  test(`config.toml is ${what}: refused at once, nothing is written, and the next pass goes on once it is put right`, async (t) => {
    const node = oddNode(t);
    rmSync(node.config);
    make(node.config);
    await assertRefused(node, words);
    rmSync(node.config, { recursive: true });
    writeFileSync(node.config, LEGACY);
    await assertApplied(node);
  });
}

for (const [what, target] of [
  ["to a file that is not there", "real.toml"],
  ["into a directory that is not there", "conf/real.toml"],
] as const) {
  test(`config.toml is a link ${what}: that is created, and the link stays`, async (t) => {
    const node = oddNode(t);
    rmSync(node.config);
    symlinkSync(target, node.config);
    await assertApplied(node);
    assert.ok(lstatSync(node.config).isSymbolicLink());
    assert.match(readFileSync(join(node.config, "..", target), "utf8"), /config_path/);
  });
}

test("config.toml is a link to another file system: written there, whole, and the link stays", async (t) => {
  const node = oddNode(t);
  const elsewhere = join(node.root, "elsewhere");
  mkdirSync(elsewhere);
  if (!tryMount(t, elsewhere, "-t", "tmpfs", "tmpfs")) return;
  writeFileSync(join(elsewhere, "real.toml"), LEGACY, { mode: 0o640 });
  rmSync(node.config);
  symlinkSync("/elsewhere/real.toml", node.config);
  const real = { ...node, config: join(elsewhere, "real.toml") };
  await assertApplied(real);
  assert.ok(lstatSync(node.config).isSymbolicLink());
  assert.equal(lstatSync(real.config).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(elsewhere), ["real.toml"]);
});

test("config.toml has a second name: that one keeps the old bytes", async (t) => {
  const node = oddNode(t);
  linkSync(node.config, join(node.root, "second"));
  await assertApplied(node);
  assert.equal(readFileSync(join(node.root, "second"), "utf8"), LEGACY);
});

test("the state directory is full: config.toml and containerd are not touched, and the next pass goes on", async (t) => {
  const node = oddNode(t);
  mkdirSync(node.state);
  if (!tryMount(t, node.state, "-t", "tmpfs", "-o", "size=16k", "tmpfs")) return;
  const filler = join(node.state, "filler");
  assert.throws(() => writeFileSync(filler, "x".repeat(32 * 1024)), { code: "ENOSPC" });
  const report = await node.pass();
  assert.equal(report.outcome, "failed", told(report));
  assert.equal(report.failure, "no-space");
  assert.match(told(report), /\/var\/lib\/mirrorlet\/\S+: no space left/);
  assert.equal(readFileSync(node.config, "utf8"), LEGACY);
  assert.equal(node.daemon().restarts, 0);
  rmSync(filler);
  spawnSync("mount", ["-o", "remount,size=1m", node.state]);
  await assertApplied(node);
});

test("the state directory goes while the agent runs: it is made again, nothing is restarted for it", async (t) => {
  const node = oddNode(t);
  await assertApplied(node);
  rmSync(node.state, { recursive: true });
  const report = await node.pass();
  assert.match(report.outcome, /^(applied|unchanged)$/, told(report));
  assert.ok(existsSync(join(node.state, "apply-record.json")));
  assert.equal(node.daemon().restarts, 1);
});

test("the state directory is another user's: told, and nothing is written", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can be somebody else");
  const node = oddNode(t);
  mkdirSync(node.state);
  const driver = await bundleDriver();
  undo(t, () => driver.remove());
  execFileSync("chown", ["nobody", node.state]);
  chmodSync(node.state, 0o700);
  writeFileSync(join(node.root, "job.json"), JSON.stringify(node.job));
  // Root without the capabilities that make owners and modes meaningless to it, as in a hardened unit.
  const bounded = ["--bounding-set=-dac_override,-dac_read_search", process.execPath, driver.path];
  const run = spawnSync("setpriv", [...bounded, join(node.root, "job.json")], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as PassReport;
  assert.deepEqual([report.outcome, report.failure], ["failed", "denied"], told(report));
  assert.match(told(report), /\/var\/lib\/mirrorlet\S*: permission denied/);
  assert.equal(readFileSync(node.config, "utf8"), LEGACY);
  assert.equal(existsSync(join(node.root, "etc/containerd/certs.d")), false);
  return undefined;
});

for (const [how, damage] of [
  [
    "changed",
    (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace("quay.io", "evil.io")),
  ],
  ["cut off", (path: string) => writeFileSync(path, LEGACY.slice(0, 40))],
  ["gone", (path: string) => rmSync(path)],
] as const) {
  test(`the bytes kept for a rollback are ${how}: they are not put back, and what to do is told`, async (t) => {
    const node = oddNode(t, { pattern: "config_path", how: "start" });
    const kept = join(node.state, "rollback/config.toml");
    const { context } = driveNode(node.job, { clock: createRacingClock() });
    const { containerd } = context.ports;
    const restart = containerd.restart.bind(containerd);
    // While containerd is being restarted on the new config.toml.
    Object.assign(containerd, {
      restart: (signal: AbortSignal) => {
        if (node.daemon().restarts === 0) damage(kept);
        return restart(signal);
      },
    });
    const report = await runPass(context);
    assert.equal(report.outcome, "failed", told(report));
    assert.match(told(report), /config\.toml from before the change are lost or damaged; it stays as it is/);
    assert.match(readFileSync(node.config, "utf8"), /config_path/);
    assert.equal(node.daemon().restarts, 1, "hands off");
    await node.pass();
    assert.equal(node.daemon().restarts, 1, "and stay off");
    // A person does as told.
    writeFileSync(node.config, LEGACY);
    const mended = await node.pass();
    assert.equal(mended.outcome, "rejected", told(mended));
    assert.deepEqual([node.daemon().running, node.daemon().alive], [LEGACY, true]);
  });
}

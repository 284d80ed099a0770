import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { desired, registry } from "../../agent/desired.ts";
import { forEachGeneration, type Generation } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { pushImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../../support/upstream-trap.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import { type RealNode, type RealNodeOptions, startRealNode } from "./real-node.ts";
import { type FileCall, listCalls, runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = labSkipReason() ?? straceSkipReason() ?? false;
let driver: Driver;
let mirror: LabRegistry;
let trap: UpstreamTrap;

before(async () => {
  if (labSkipReason() !== undefined) return;
  driver = await bundleDriver();
  trap = await startUpstreamTrap();
  mirror = await startRegistry();
  await pushImage(mirror, "team/app", "1.0");
});

after(async () => {
  await driver?.remove();
  await mirror?.stop();
  await trap?.stop();
});

/**
 * A site's own tool, run at every restart, that writes a drop-in by what config.toml says: right for the old
 * config.toml, wrong for ours. `config dump` before the restart cannot know.
 */
function hook(dropIn: string): string {
  return `if grep -q '^ *config_path = "/' "$config"; then cat >"$dropIn" <<'EOF'
${dropIn}
EOF
else rm -f "$dropIn"; fi`;
}

const refusesToStart = (generation: Generation): string =>
  `${head(generation)}required_plugins = ["io.containerd.site.v1.absent"]`;

const losesCri = (generation: Generation): string => {
  const table =
    generation === "2.1" ? `plugins."io.containerd.cri.v1.images"` : `plugins."io.containerd.grpc.v1.cri"`;
  return `${head(generation)}[${table}.registry]
config_path = "/site"
[${table}.registry.mirrors."site.example"]
endpoint = ["https://site.example"]`;
};

function head(generation: Generation): string {
  return `version = ${generation === "2.1" ? 3 : 2}\n`;
}

for (const [name, fault, words] of [
  ["containerd refuses to start", refusesToStart, /io\.containerd\.site\.v1\.absent/],
  [
    "CRI does not load while containerd stays up",
    losesCri,
    /`?mirrors`? cannot be set when `?config_path`? is provided/,
  ],
] as const)
  forEachGeneration(`rolled back: ${name}`, async (generation, context) => {
    const node = await startNode(generation, context);
    const old = node.readConfig();
    node.setHook(hook(fault(generation)));
    const wanted = wantedState(1);

    const report = await node.pass(wanted);
    assert.equal(report.outcome, "rolled-back", JSON.stringify(report));
    const condition = report.conditions.find(({ type }) => type === "RolledBack");
    assert.match(condition?.message ?? "", words);
    await assertBack(node, old);
    assert.equal(node.restarts(), 2, "once forward, once back");

    for (let pass = 0; pass < 10; pass += 1) {
      const again = await node.pass(wanted);
      assert.ok(
        again.conditions.some(({ type }) => type === "RolledBack"),
        JSON.stringify(again.conditions),
      );
    }
    assert.equal(node.restarts(), 2, "no restart loop");

    node.setHook('rm -f "$dropIn"');
    const better = await node.pass(wantedState(2));
    assert.deepEqual(
      better.conditions.map(({ type }) => type),
      ["Ready"],
      JSON.stringify(better),
    );
    assert.equal((await pullThroughMirror(node)).ok, true);
  });

forEachGeneration(
  "degraded: the old config.toml was broken before us, and hands are off",
  async (generation, context) => {
    const node = await startNode(generation, context);
    const sound = node.readConfig();
    // containerd runs on the sound one; the fault shows at the next start, whoever asks for it.
    const broken = sound.replace(
      /^version.*\n/,
      (line) => `${line}required_plugins = ["io.containerd.site.v1.absent"]\n`,
    );
    writeFileSync(node.daemon.configPath, broken);
    for (let pass = 0; pass < 4; pass += 1) {
      const { conditions } = await node.pass(wantedState(1));
      const degraded = conditions.find(({ type }) => type === "Degraded");
      assert.match(
        degraded?.message ?? "",
        /site\.v1\.absent.* after the old \S+ was put back: .*site\.v1\.absent/s,
      );
      assert.equal(node.readConfig(), broken, "the operator's own bytes");
    }
    assert.equal(node.restarts(), 2, "once forward, once back, and no more");

    writeFileSync(node.daemon.configPath, sound);
    await node.daemon.restart();
    const mended = await node.pass(wantedState(1));
    assert.deepEqual(
      mended.conditions.map(({ type }) => type),
      ["Ready"],
      "what it failed on has been mended",
    );
    assert.equal((await pullThroughMirror(node)).ok, true);
  },
);

type Moment = readonly [
  string,
  (
    | { readonly before?: string; readonly after?: string }
    | { readonly call: (calls: readonly FileCall[]) => FileCall }
  ),
];

const kill = "kill -9 $PPID";
/** The last call before config.toml is switched, which a child does. */
const switches = (calls: readonly FileCall[]): readonly FileCall[] =>
  calls.filter(({ name, path }) => name === "fsync" && /\/\.config\.toml\.mirrorlet-tmp-/.test(path));
const at = (call: FileCall | undefined): FileCall => {
  assert.ok(call, "the pass makes that call");
  return call;
};

/** Kills of the agent while config.toml is changed, and while that is taken back. */
const moments: readonly Moment[] = [
  ["before config.toml's switch", { call: (calls) => at(switches(calls)[0]) }],
  ["right after config.toml's switch", { call: (calls) => at(nextSync(calls, switches(calls)[0])) }],
  ["as the restart command begins", { before: `[ $n -eq 1 ] && ${kill}` }],
  ["as the restart command ends", { after: `[ $n -eq 1 ] && ${kill}` }],
  ["while the gate asks a containerd that hangs", { after: `[ $n -eq 1 ] && { ${hanging(kill)} }` }],
];
const rollbackMoments: readonly Moment[] = [
  ["before the rollback's switch", { call: (calls) => at(switches(calls)[1]) }],
  ["right after the rollback's switch", { call: (calls) => at(nextSync(calls, switches(calls)[1])) }],
  ["as the rollback's restart begins", { before: `[ $n -eq 2 ] && ${kill}` }],
  ["as the rollback's restart ends", { after: `[ $n -eq 2 ] && ${kill}` }],
  [
    "while the gate asks a hanging containerd after the rollback",
    { after: `[ $n -eq 2 ] && { ${hanging(kill)} }` },
  ],
];

/** A containerd that does not start cannot hang. In a sample, each moment is tried with one of the two faults. */
function momentsOf(fault: ((generation: Generation) => string) | undefined): readonly Moment[] {
  if (fault === undefined) return moments;
  const forward = fault === refusesToStart ? moments.slice(0, -1) : moments;
  const isEven = fault === losesCri;
  return [...halfOf(forward, isEven), ...halfOf(rollbackMoments, !isEven)];
}

function halfOf(all: readonly Moment[], isEven: boolean): readonly Moment[] {
  return all.filter((_moment, index) => isFullSweep || (index % 2 === 0) === isEven);
}

/**
 * The daemon stands still until the agent, which asks it, has been killed. Its output is not to keep the agent. On a
 * machine so busy that the restart command gives the daemon up, the agent would be done without ever asking it.
 */
function hanging(killAgent: string): string {
  return `status=0
pid=$(cat "$(dirname "$config")/../pids/containerd")
kill -STOP $pid
(sleep 1; ${killAgent}; kill -CONT $pid) </dev/null >/dev/null 2>&1 &`;
}

function nextSync(calls: readonly FileCall[], call: FileCall | undefined): FileCall | undefined {
  return call && calls.slice(calls.indexOf(call) + 1).find(({ name }) => name === "fsync");
}

for (const [generation, fault] of [
  ["2.1", undefined],
  ["2.1", refusesToStart],
  ["1.6", losesCri],
] as const)
  test(`killed while config.toml is changed${fault === undefined ? "" : " and taken back"} (containerd ${generation})`, {
    skip,
  }, async (context) => {
    const node = await startNode(generation, context);
    const old = node.readConfig();
    const calls = await traceOnce(node, fault?.(generation));
    for (const [name, moment] of momentsOf(fault))
      await context.test(`killed ${name}`, async () => {
        await node.reset();
        await killAt(node, moment, calls, fault?.(generation));
        const reports = [];
        for (let pass = 0; pass < 4; pass += 1)
          reports.push(await node.pass(wantedState(1), pass === 0 ? "now" : "after a boot"));
        const types = reports.at(-1)?.conditions.map(({ type }) => type);
        const told = JSON.stringify(reports.map(({ outcome, conditions }) => ({ outcome, conditions })));
        if (fault === undefined) {
          assert.deepEqual(types, ["Ready"], told);
          assert.equal((await pullThroughMirror(node)).ok, true);
          await node.daemon.removeImage("gcr.io/team/app:1.0");
        } else {
          assert.deepEqual(types, ["Stalled", "RolledBack"], told);
          await assertBack(node, old);
        }
        const needed = fault === undefined ? 1 : 2;
        const done = node.restarts();
        assert.ok(
          done >= needed && done <= needed + 1,
          `${done} restarts where ${needed} are needed: ${told}`,
        );
      });
  });

/** The site's start script cannot take what our file says. */
const cannotTakeTraces = `if grep -q OTEL "$environment" 2>/dev/null; then cat >"$dropIn" <<'EOF'
${refusesToStart("2.1")}
EOF
else rm -f "$dropIn"; fi`;

test("taken back with config.toml: containerd does not start with its traces, and the mirrors get in without them", {
  skip,
}, async (context) => {
  const node = await startNode("2.1", context, { traces: true });
  const old = node.readConfig();
  node.setHook(cannotTakeTraces);
  const wanted = wantedState(1);

  const report = await node.pass(wanted);
  assert.equal(report.outcome, "rolled-back", JSON.stringify(report));
  assert.match(
    report.conditions[0]?.message ?? "",
    /traces was taken back.*io\.containerd\.site\.v1\.absent/s,
  );
  assert.equal(node.readConfig(), old);
  assert.equal(existsSync(node.daemon.environmentFile), false);
  assert.equal(node.restarts(), 2, "once forward, once back");

  for (let pass = 0; pass < 5; pass += 1) {
    const { conditions, tracing } = await node.pass(wanted);
    assert.deepEqual(
      conditions.map(({ type }) => type),
      ["Ready", "RolledBack"],
    );
    assert.equal(tracing?.state, "unavailable");
  }
  assert.equal(node.restarts(), 3, "one more, for the mirrors");
  assert.equal((await pullThroughMirror(node)).ok, true);

  node.setHook('rm -f "$dropIn"');
  writeFileSync(node.daemon.configPath, `${node.readConfig()}# mended\n`);
  await node.daemon.restart();
  const mended = await node.pass(wanted);
  assert.equal(mended.tracing?.state, "on", JSON.stringify(mended));
});

for (const generation of ["1.7", "2.1"] as const)
  test(`no traces come of it: containerd is well, nothing is taken back and nothing tried again (containerd ${generation})`, {
    skip,
  }, async (context) => {
    // The site's own start script says otherwise, and the exporter does not load with what it says.
    const environment = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "carrier-pigeon" };
    const node = await startNode(generation, context, { traces: true, environment });
    const report = await node.pass(wantedState(1));
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Ready"],
      JSON.stringify(report),
    );
    assert.equal(report.tracing?.state, "unavailable");
    assert.match(report.tracing?.message ?? "", /OTEL_EXPORTER_OTLP_TRACES_PROTOCOL/);
    for (let pass = 0; pass < 3; pass += 1) {
      const again = await node.pass(wantedState(1));
      assert.deepEqual(
        again.issues.map(({ code }) => code),
        ["containerd-traces-no-effect"],
      );
    }
    assert.equal(node.restarts(), 1);
    assert.equal((await pullThroughMirror(node)).ok, true);
  });

const tracesMoments: readonly Moment[] = [
  ["before the environment's switch", { call: (calls) => at(environmentSwitch(calls)) }],
  [
    "right after the environment's switch",
    { call: (calls) => at(nextSync(calls, environmentSwitch(calls))) },
  ],
  ["as the restart command begins", { before: `[ $n -eq 1 ] && ${kill}` }],
  ["as the restart command ends", { after: `[ $n -eq 1 ] && ${kill}` }],
];

function environmentSwitch(calls: readonly FileCall[]): FileCall | undefined {
  return calls.find(({ name, path }) => name === "fsync" && /\/\.environment\.mirrorlet-tmp-/.test(path));
}

test("killed while config.toml and traces are changed together (containerd 2.1)", {
  skip,
}, async (context) => {
  const node = await startNode("2.1", context, { traces: true });
  const calls = await traceOnce(node, undefined);
  for (const [name, moment] of tracesMoments)
    await context.test(`killed ${name}`, async () => {
      await node.reset();
      await killAt(node, moment, calls, undefined);
      const reports = [await node.pass(wantedState(1), "now"), await node.pass(wantedState(1))];
      const last = reports.at(-1);
      assert.deepEqual(
        last?.conditions.map(({ type }) => type),
        ["Ready"],
        JSON.stringify(reports),
      );
      assert.equal(last?.tracing?.state, "on");
      const done = node.restarts();
      assert.ok(done >= 1 && done <= 2, `${done} restarts: ${JSON.stringify(reports)}`);
      assert.equal((await pullThroughMirror(node)).ok, true);
      await node.daemon.removeImage("gcr.io/team/app:1.0");
    });
});

/** The calls of an undisturbed run. */
async function traceOnce(node: RealNode, fault: string | undefined): Promise<readonly FileCall[]> {
  node.setHook(fault === undefined ? "" : hook(fault));
  return listCalls(driverCommand(node), { log: `${node.daemon.dir}/trace`, root: node.daemon.dir });
}

async function killAt(
  node: RealNode,
  moment: Moment[1],
  calls: readonly FileCall[],
  fault: string | undefined,
): Promise<void> {
  const site = fault === undefined ? "" : hook(fault);
  const command = driverCommand(node);
  if ("call" in moment) {
    node.setHook(site);
    const { signal } = await runWithFault(command, node.daemon.dir, moment.call(calls), "signal=SIGKILL");
    assert.equal(signal, "SIGKILL");
  } else {
    node.setHook(`${site}\n${moment.before ?? ""}`, moment.after);
    assert.equal(await endOf(command), "SIGKILL");
    // The restart goes on without the agent, as it does with systemd.
    node.setHook(site);
  }
}

function driverCommand(node: RealNode): readonly string[] {
  const path = `${node.daemon.dir}/job.json`;
  writeFileSync(path, JSON.stringify(node.job(wantedState(1))));
  return [process.execPath, driver.path, path];
}

async function endOf([program = "", ...args]: readonly string[]): Promise<string | null> {
  const child = spawn(program, args, { stdio: "ignore" });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  return signal;
}

async function startNode(
  generation: Generation,
  context: TestContext,
  options: RealNodeOptions = {},
): Promise<RealNode> {
  const node = await startRealNode(generation, trap, options);
  context.after(() => node.daemon.stop());
  return node;
}

function wantedState(generation: number): DesiredState {
  return { ...desired(registry("gcr.io", [mirror.url], "never")), generation };
}

/** The old bytes, nothing of ours beside them, and a daemon that pulls. */
async function assertBack(node: RealNode, old: string): Promise<void> {
  assert.equal(node.readConfig(), old);
  assert.equal(existsSync(`${node.daemon.certsD}/gcr.io`), false);
  const pull = await node.daemon.pull(`${mirror.host}/team/app:1.0`);
  assert.ok(pull.ok, JSON.stringify(pull));
  await node.daemon.removeImage(`${mirror.host}/team/app:1.0`);
}

async function pullThroughMirror(node: RealNode) {
  trap.clearContacts();
  const pull = await node.daemon.pull("gcr.io/team/app:1.0");
  assert.deepEqual(trap.contacts(), [], "the upstream is closed");
  return pull;
}

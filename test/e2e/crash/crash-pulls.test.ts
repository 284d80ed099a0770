import assert from "node:assert/strict";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { desired, mirror, registry } from "../../agent/desired.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { copyImage, pushImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import { shareOf } from "../../support/sweep.ts";
import { createCa } from "../../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../../support/upstream-trap.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import { type RealNode, startRealNode } from "./real-node.ts";
import { describeCall, type FileCall, listCalls, runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = labSkipReason() ?? straceSkipReason() ?? false;
const credential = { username: "puller", password: "geheim" };
const IMAGES = ["gcr.io", "docker.io", "registry.k8s.io", "ghcr.io"].map((host) => `${host}/team/app:1.0`);
/** On each of two generations; a sample has each on one of them. */
const POINTS = 12;
const GENERATIONS = ["1.6", "2.1"] as const;

let driver: Driver;
let trap: UpstreamTrap;
let guarded: LabRegistry;
let plain: LabRegistry;
let states: { readonly before: DesiredState; readonly after: DesiredState };

before(async () => {
  if (skip !== false) return;
  driver = await bundleDriver();
  trap = await startUpstreamTrap();
  const [ca, other] = await Promise.all([createCa(), createCa("next")]);
  guarded = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...credential } });
  plain = await startRegistry();
  await copyImage(plain, "team/app", "1.0", await pushImage(guarded, "team/app", "1.0"));
  // A CA is rotated by way of a bundle that holds both.
  const bundle = `${ca.cert}${other.cert}`;
  const everybodyElse = registry("*", [plain.url], "never");
  states = {
    before: desired(
      registry("gcr.io", [mirror(guarded.url, { ca: ca.cert, credential })], "never"),
      registry("docker.io", [plain.url], "never"),
      everybodyElse,
    ),
    after: {
      ...desired(
        registry("gcr.io", [mirror(guarded.url, { ca: bundle, credential })], "never"),
        registry("registry.k8s.io", [mirror(guarded.url, { ca: ca.cert, credential })], "never"),
        everybodyElse,
      ),
      generation: 2,
    },
  };
});

after(async () => {
  await driver?.remove();
  await guarded?.stop();
  await plain?.stop();
  await trap?.stop();
});

for (const generation of GENERATIONS)
  test(`killed in the middle of a pass, every pull goes through a mirror (containerd ${generation})`, {
    skip,
  }, async (t) => {
    const node = await startRealNode(generation, trap);
    t.after(() => node.daemon.stop());
    const resetConfig = node.readConfig();
    assert.equal((await node.pass(states.before)).outcome, "applied");
    // As a package upgrade would: the daemon still runs on ours.
    writeFileSync(node.daemon.configPath, resetConfig);
    keep(node);
    const calls = await listCalls(commandFor(node), {
      log: join(node.daemon.dir, "trace"),
      root: node.daemon.dir,
    });
    const points = spread(calls.filter(isSwitch), POINTS);
    assert.ok(points.length >= 10);
    for (const call of shareOf(points, generation, () => GENERATIONS))
      await t.test(describeCall(call), async () => {
        putBack(node);
        const { signal } = await runWithFault(commandFor(node), node.daemon.dir, call, "signal=SIGKILL");
        assert.equal(signal, "SIGKILL");
        await assertPulls(node, "on what was left behind");
        const report = await node.pass(states.after);
        assert.deepEqual(
          report.conditions.map(({ type }) => type),
          ["Ready"],
          JSON.stringify(report),
        );
        await assertPulls(node, "after the next start");
      });
  });

function isSwitch({ name, path }: FileCall): boolean {
  return path.startsWith("/etc/") && ["rename", "unlink", "rmdir", "mkdir"].includes(name);
}

function spread<T>(items: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, items.length / count);
  return items.filter((_item, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** gcr.io, which stays, docker.io, which goes, registry.k8s.io, which comes, and any other: all are closed. */
async function assertPulls(node: RealNode, when: string): Promise<void> {
  trap.clearContacts();
  for (const image of IMAGES) {
    const pull = await node.daemon.pull(image);
    assert.ok(pull.ok, `${image} ${when}: ${JSON.stringify(pull)}`);
    await node.daemon.removeImage(image);
  }
  assert.deepEqual(trap.contacts(), [], `no upstream is asked ${when}`);
}

function commandFor(node: RealNode): readonly string[] {
  const path = join(node.daemon.dir, "job.json");
  writeFileSync(path, JSON.stringify(node.job(states.after)));
  return [process.execPath, driver.path, path];
}

function keep(node: RealNode): void {
  cpSync(node.daemon.etc, join(node.daemon.dir, "kept/etc"), { recursive: true });
  cpSync(node.stateDir, join(node.daemon.dir, "kept/state"), { recursive: true });
}

function putBack(node: RealNode): void {
  for (const [kept, place] of [
    ["etc", node.daemon.etc],
    ["state", node.stateDir],
  ] as const) {
    rmSync(place, { recursive: true, force: true });
    cpSync(join(node.daemon.dir, "kept", kept), place, { recursive: true });
  }
}

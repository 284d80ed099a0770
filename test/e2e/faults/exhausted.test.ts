import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";

const skip = labSkipReason() ?? false;
let mirror: ScriptedRegistry;
let daemon: LabContainerd;

before(async () => {
  if (skip !== false) return;
  mirror = await startScriptedRegistry();
  daemon = await startContainerd({ generation: "2.1" });
});

after(() => Promise.all([daemon?.stop(), mirror?.stop()]));

test("no descriptors are left: the agent lives, says so, and goes on when there are some again", {
  skip,
}, async (context) => {
  const node = await prepareNode(daemon, { settings: { resync: '"1s"' } });
  const agent = await node.startAgent({ MIRRORLET_EVIDENCE_PROBE_INTERVAL: "1s" });
  context.after(() => agent.stop());
  await agent.apply(desired(1));
  await agent.until("it is at rest", async () => (await agent.metric(UNCHANGED)) > 1);
  const pid = await daemon.pid();
  const atRest = descriptorsOf(agent);

  let generation = 1;
  const spares = isFullSweep ? [8, 5, 2, 0, -atRest + 3] : [8, -atRest + 3];
  for (const spare of spares) {
    const limit = atRest + spare;
    setLimit(agent, limit);
    const crowd = crowdOf(agent, 100);
    generation += 1;
    await node.put("desired-state.yaml", desired(generation));
    await pause(3_000);
    assert.equal(isAlive(agent), true, `it lives with ${spare} to spare: ${agent.log()}`);
    for (const socket of crowd) socket.destroy();
    setLimit(agent, 4096);
    await agent.until(`what was wanted meanwhile is in force (${spare} to spare)`, async () => {
      return (await agent.metric(OBSERVED)) === generation && (await agent.readyz()).status === 200;
    });
    const hosts = await readFile(join(daemon.certsD, "quay.io/hosts.toml"), "utf8");
    assert.ok(hosts.includes(`10.0.0.${generation}:`), hosts);
  }
  assert.match(agent.log(), /EMFILE/);
  assert.equal(await daemon.pid(), pid);
  await agent.until("all descriptors are given back", async () => descriptorsOf(agent) <= atRest + 2);
});

test("a desired state that takes more memory than there is ends the agent three times; then the last good one stands, until apply is run", {
  skip: isFullSweep ? skip : "takes a minute: MIRRORLET_SWEEP=full",
}, async (context) => {
  const node = await prepareNode(daemon, { settings: { resync: '"1s"' } });
  const first = await node.startAgent();
  context.after(() => first.kill());
  await first.apply(desired(1));
  const standing = await treeOf(daemon.certsD);
  await first.kill();

  await node.put("desired-state.yaml", heavy(2));
  const small = { NODE_OPTIONS: "--max-old-space-size=30" };
  const deaths: number[] = [];
  let agent: LabAgent | undefined;
  for (let start = 1; start <= 6 && agent === undefined; start += 1) {
    const started = await node.startAgent(small).catch(() => undefined);
    // Whether it dies before it listens or later is a matter of luck.
    for (let turn = 0; turn < 600 && started !== undefined && isAlive(started); turn += 1) {
      if (await isRejected(started)) agent = started;
      if (agent !== undefined) break;
      await pause(100);
    }
    if (agent === undefined) deaths.push(start);
    assert.deepEqual(await treeOf(daemon.certsD), standing, "no half state");
  }
  assert.ok(agent, "it is skipped at last");
  context.after(() => agent?.kill());
  assert.ok(deaths.length >= 3, `it died at ${deaths}`);
  assert.match((await agent.readyz()).text, /ended 3 times while it read this desired state/);
  await agent.stop();

  const applied = await node.run("apply", node.desiredState);
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(Object.keys(await treeOf(daemon.certsD)).length > 5_000, true);
});

async function isRejected(agent: LabAgent): Promise<boolean> {
  const ready = await agent.readyz().catch(() => undefined);
  return ready !== undefined && /ended 3 times/.test(ready.text);
}

async function treeOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (path) => [path, await readFile(path, "utf8")])),
  );
}

/** As YAML, which takes the parser some hundred bytes of memory for each of its own. */
function heavy(generation: number): string {
  const entries = Array.from(
    { length: 6_000 },
    (_, i) =>
      `  - endpoint: "${mirror.url}"\n    hosts: &hosts${i % 50} [${i === 0 ? "gcr.io, quay.io" : `r${i}.example`}]\n`,
  );
  return `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\ngeneration: ${generation}\nregistryMirrors:\n${entries.join("")}`;
}

const OBSERVED = "mirrorlet_config_observed_generation";
const UNCHANGED = 'mirrorlet_passes_total{outcome="unchanged"}';

function desired(generation: number): string {
  return native(
    [
      { endpoint: mirror.url, hosts: ["gcr.io"] },
      { endpoint: `http://10.0.0.${generation}:5000`, hosts: ["quay.io"] },
    ],
    { generation },
  );
}

function setLimit({ pid }: LabAgent, soft: number): void {
  execFileSync("prlimit", ["--pid", `${pid}`, `--nofile=${soft}:4096`]);
}

function descriptorsOf({ pid }: LabAgent): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function isAlive({ pid }: LabAgent): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Connections that are held open, as far as they come in. */
function crowdOf({ address }: LabAgent, count: number): readonly Socket[] {
  const [host = "", port = ""] = address.split(":");
  return Array.from({ length: count }, () => connect(Number(port), host).on("error", () => undefined));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

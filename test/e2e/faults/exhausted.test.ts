import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
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
  const spares = process.env["MIRRORLET_SWEEP"] === "full" ? [8, 5, 2, 0, -atRest + 3] : [8, -atRest + 3];
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

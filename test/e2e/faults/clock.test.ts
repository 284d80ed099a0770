import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import { type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { createFakeClock, fakeClockSkipReason } from "../../support/fake-clock.ts";
import { buildImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { containerdRequests, native, pulled } from "../support/site.ts";

const skip = labSkipReason() ?? fakeClockSkipReason() ?? false;
const jumps = isFullSweep
  ? ["+10y", "-10y", "+10y", "@1970-01-01 00:00:10", "+0", "-1d", "+1d", "-10y", "+10y", "-10y", "+0"]
  : ["+10y", "-10y", "+0"];

let mirror: ScriptedRegistry;
let daemon: LabContainerd;

before(async () => {
  if (skip !== false) return;
  mirror = await startScriptedRegistry();
  for (const name of ["canary", "app"]) mirror.put(`team/${name}`, "1", buildImage());
  daemon = await startContainerd({ generation: "2.1" });
});

after(() => Promise.all([daemon?.stop(), mirror?.stop()]));

test("the wall clock jumps by ten years, there and back: the agent goes on, and nothing is restarted for it", {
  skip,
}, async (context) => {
  const node = await prepareNode(daemon, { settings: { resync: '"1s"' } });
  const clock = createFakeClock(node.dir);
  const agent = await node.startAgent({ ...clock.environment, ...BRISK });
  context.after(() => agent.stop());
  await agent.apply(desired(1));
  assert.deepEqual(await daemon.pull("gcr.io/team/app:1").then(({ ok }) => ok), true);
  await agent.until("the pull is known", async () => (await verdictOf(agent)).name === "mirrored");
  const [pid, restarts] = [await daemon.pid(), await restartsOf(agent)];

  let generation = 1;
  for (const jump of jumps) {
    clock.set(jump);
    const before = await progressOf(agent);
    await agent.until(`passes, canaries and probes go on at ${jump}`, async () => {
      const now = await progressOf(agent);
      return now.passes >= before.passes + 2 && now.canaries > before.canaries && now.probes > before.probes;
    });
    generation += 1;
    // The metric says when, and the clock may have gone back: the generation alone tells.
    await node.put("desired-state.yaml", desired(generation));
    await agent.until("the new one is in force", async () => (await observedOf(agent)) === generation);
    const hosts = await readFile(join(daemon.certsD, "quay.io/hosts.toml"), "utf8");
    assert.ok(hosts.includes(`10.0.0.${generation}:`), hosts);

    const { name, lastMs } = await verdictOf(agent);
    assert.equal(name, "mirrored", `the verdict at ${jump}`);
    const nowMs = (await statusOf(agent)).atMs;
    assert.ok(lastMs !== undefined && Math.abs(nowMs - lastMs) < 120_000, `its age stays at ${jump}`);
    assert.equal((await agent.readyz()).status, 200);
    const health = await fetch(`http://${agent.address}/health`, { headers: { connection: "close" } });
    assert.equal(health.status, 200, await health.text());
    assert.equal((await daemon.pull("gcr.io/team/app:1")).ok, true);
  }
  assert.deepEqual([await daemon.pid(), await restartsOf(agent)], [pid, restarts]);
  assert.equal(await agent.stop(), 0);
  assert.doesNotMatch(agent.log(), /"level":"error"/);
  const years = [10, -10].map((by) => new Date(Date.now() + by * 365 * 86_400_000).getFullYear());
  for (const year of years)
    assert.match(agent.log(), new RegExp(`"time":"${year}-`), "its log says what its clock says");
});

/** What a package left: certs.d is not read. */
const NOT_SWITCHED = "version = 2\n";

test("a start with a restart pending, at a clock that begins in 1970: restarted once, and all is well", {
  skip,
}, async (context) => {
  const node = await prepareNode(daemon, { containerdConfig: NOT_SWITCHED, settings: { resync: '"1s"' } });
  const clock = createFakeClock(node.dir);
  const [pid, mark] = [await daemon.pid(), join(node.dir, "restart-has-begun")];
  const killed = await node.startAgent({
    ...BRISK,
    MIRRORLET_CONTAINERD_RESTART: JSON.stringify(["/bin/sh", "-c", `echo $$ >${mark}; exec sleep 60`]),
  });
  context.after(() => killed.kill());
  await node.put("desired-state.yaml", desired(1));
  await killed.until("the restart has begun", async () => existsSync(mark));
  await killed.kill();
  process.kill(Number(await readFile(mark, "utf8")), "SIGKILL");
  assert.equal(await daemon.pid(), pid, "containerd runs on the old file");

  clock.set("@1970-01-01 00:00:10");
  const agent = await node.startAgent({ ...clock.environment, ...BRISK });
  context.after(() => agent.stop());
  await agent.until("the desired state is in force", async () => (await agent.readyz()).status === 200);
  assert.notEqual(await daemon.pid(), pid);
  assert.equal(await restartsOf(agent), 1);
  const running = await daemon.pid();
  assert.equal((await daemon.pull("gcr.io/team/app:1")).ok, true);
  assert.equal(pulled(mirror).length > 0, true);
  const absent = await daemon.pull("gcr.io/team/absent:1");
  assert.match(JSON.stringify(absent), /not found/, "the witness' certificate, made in 1970, is believed");
  const witness = (await statusOf(agent)).evidence.sources.find(({ source }) => source === "witness");
  assert.equal(witness?.up, true);

  clock.set("+0");
  const { passes } = await progressOf(agent);
  await agent.until("it goes on", async () => (await progressOf(agent)).passes >= passes + 2);
  assert.deepEqual([await daemon.pid(), await restartsOf(agent)], [running, 1]);
});

/** The agent looks often enough for a test. */
const BRISK = {
  MIRRORLET_EVIDENCE_PROBE_INTERVAL: "1s",
  MIRRORLET_EVIDENCE_CANARY_INTERVAL: "1s",
};

function desired(generation: number): string {
  return native(
    [
      { endpoint: mirror.url, hosts: ["gcr.io"] },
      { endpoint: `http://10.0.0.${generation}:5000`, hosts: ["quay.io"] },
    ],
    { generation, upstream: { "gcr.io": "never" }, canaries: ["gcr.io/team/canary:1"] },
  );
}

interface Progress {
  readonly passes: number;
  readonly canaries: number;
  readonly probes: number;
}

async function progressOf(agent: LabAgent): Promise<Progress> {
  const asked = mirror.requests();
  const canaries = containerdRequests(mirror).filter(({ path }) => path.includes("team/canary"));
  return {
    passes: await agent.metric('mirrorlet_passes_total{outcome="unchanged"}'),
    canaries: canaries.length,
    probes: asked.filter(({ userAgent }) => !userAgent.startsWith("containerd/")).length,
  };
}

async function restartsOf(agent: LabAgent): Promise<number> {
  return agent.metric('mirrorlet_containerd_restarts_total{reason="config",outcome="ok"}');
}

function observedOf(agent: LabAgent): Promise<number> {
  return agent.metric("mirrorlet_config_observed_generation");
}

async function statusOf(agent: LabAgent): Promise<StatusDocument> {
  const response = await fetch(`http://${agent.address}/status.json`, { headers: { connection: "close" } });
  return (await response.json()) as StatusDocument;
}

async function verdictOf(agent: LabAgent) {
  const found = (await statusOf(agent)).evidence.registries.find(({ namespace }) => namespace === "gcr.io");
  assert.ok(found);
  return found.verdict;
}

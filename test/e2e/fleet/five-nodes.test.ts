import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeSkipReason } from "../../support/booted-node.ts";
import { packageSkipReason } from "../../support/built-package.ts";
import { buildImage } from "../../support/image.ts";
import { copyImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { type FleetLab, startFleetLab } from "./support/fleet-lab.ts";
import { type FleetNode, startFleetNode } from "./support/fleet-node.ts";

const skip = nodeSkipReason() ?? packageSkipReason() ?? false;

const CANARY = "gcr.io/library/canary:1";
const APP = "gcr.io/library/app:1";
const KINDS = { n1: "cpu", n2: "cpu", n3: "cpu", n4: "gpu", n5: "gpu" } as const;

/** As short as they can be and still be seen. */
const ROLLOUT = `onHalt: revert
spread: 1s
soak: 3s
reportBy: 90s
preflight: { nodes: all, reportBy: 60s }
waves:
  - { name: canary, pick: { perClass: 1 }, bake: 2s }
  - { name: rest, pick: { percent: 100 }, bake: 1s, minDone: 1, maxFailed: 0 }
`;

/** There is nothing to go back to yet; containerd is restarted, and that is on trial for two minutes. */
const FIRST = `onHalt: hold
spread: 1s
soak: 3s
reportBy: 5m
waves:
  - { name: all, pick: { percent: 100 }, bake: 1s }
`;

const desiredState = (generation: number, mirror: string): string => `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: ${generation}
registryMirrors:
  - endpoint: http://${mirror}/v2/team
    hosts: [gcr.io]
canaries: [${CANARY}]
`;

const portOf = ({ host }: Pick<LabRegistry, "host">): number => Number(host.split(":")[1]);

test("five nodes, three feed servers, an etcd of three: a rollout in waves, one that halts by itself, and one through failures", {
  skip,
  timeout: 1_800_000,
}, async (context) => {
  const lab = await startFleetLab();
  context.after(() => lab.stop());
  const [old, fresh] = [await startRegistry(), await startRegistry()];
  for (const registry of [old, fresh]) context.after(() => registry.stop());
  for (const name of ["app", "canary"]) {
    const image = buildImage();
    for (const registry of [old, fresh]) await copyImage(registry, `team/library/${name}`, "1", image);
  }
  // It answers, so that nothing before a pull shows that it serves one kind of nodes alone.
  const halfway = await startRegistry();
  context.after(() => halfway.stop());
  const nodes: FleetNode[] = [];
  for (const [id, kind] of Object.entries(KINDS)) {
    const node = await startFleetNode(lab, id, kind, [portOf(old), portOf(fresh)]);
    context.after(() => node.node.stop());
    nodes.push(node);
    await lab.must("inventory", "set", id, "fleet=lab", `class=${kind}`);
  }
  try {
    await inWaves(context, lab, nodes, old, fresh);
    await haltsByItself(context, lab, nodes, fresh, halfway);
    await throughFailures(context, lab, nodes, old);
  } catch (error) {
    for (const { id, node } of nodes)
      context.diagnostic(
        `${id}: ${(await node.run("journalctl --no-pager -u mirrorlet -u mirrorlet-helper | tail -n 25")).stdout}`,
      );
    for (const { name, log } of lab.servers) context.diagnostic(`${name}: ${(await log()).slice(-3_000)}`);
    throw error;
  }
});

async function inWaves(
  context: TestContext,
  lab: FleetLab,
  nodes: readonly FleetNode[],
  old: LabRegistry,
  fresh: LabRegistry,
): Promise<void> {
  await lab.publish(1, desiredState(1, old.host));
  await lab.start("first", 1, FIRST);
  await lab.until("first", "done");
  await pullsGoTo(nodes, old, [fresh]);
  await lab.publish(2, desiredState(2, fresh.host));
  await lab.start("second", 2, ROLLOUT);
  const seen = await watchGenerations(lab, "second", nodes, 2);
  context.diagnostic(`generation 2 came to ${seen.join(", ")}`);
  // One of each class first, and nobody else before both have soaked.
  const canaries = seen.slice(0, 2).flatMap((ids) => ids.split("+"));
  assert.equal(canaries.length >= 2, true, seen.join(", "));
  const kinds = new Set(canaries.slice(0, 2).map((id) => KINDS[id as keyof typeof KINDS]));
  assert.deepEqual([...kinds].sort(), ["cpu", "gpu"]);
  await lab.until("second", "done");
  await pullsGoTo(nodes, fresh, [old]);
  for (const node of nodes) assert.equal(await node.applied(2), 1, node.id);
}

/** In which order nodes came to run it: those that were seen at once stand together. */
async function watchGenerations(
  lab: FleetLab,
  id: string,
  nodes: readonly FleetNode[],
  generation: number,
): Promise<readonly string[]> {
  const order: string[] = [];
  const known = new Set<string>();
  const fromMs = performance.now();
  while (known.size < nodes.length) {
    if (performance.now() - fromMs > 4 * WAIT_LIMIT_MS)
      throw new Error((await lab.run("rollout", "status", id)).stdout);
    const now: string[] = [];
    for (const node of nodes)
      if (!known.has(node.id) && (await node.applied(generation)) > 0) now.push(node.id);
    for (const one of now) known.add(one);
    if (now.length > 0) order.push(now.join("+"));
    await sleep(200);
  }
  return order;
}

async function haltsByItself(
  context: TestContext,
  lab: FleetLab,
  nodes: readonly FleetNode[],
  fresh: LabRegistry,
  halfway: LabRegistry,
): Promise<void> {
  const port = portOf(halfway);
  for (const name of ["app", "canary"]) await copyImage(halfway, `team/library/${name}`, "1", buildImage());
  // Where the class is gpu, something else answers at that address, and has no images.
  for (const { node, kind } of nodes)
    if (kind === "cpu") await node.expose(port);
    else
      await node.must(
        `systemd-run --unit=other /usr/lib/mirrorlet/node -e 'require("http").createServer((q, a) => { a.statusCode = q.url === "/v2/" || q.url.startsWith("/v2/?") ? 200 : 404; a.end(); }).listen(${port}, "127.0.0.1")'`,
      );
  const before = new Map(await Promise.all(nodes.map(async (one) => [one.id, await one.files()] as const)));
  await lab.publish(3, desiredState(3, halfway.host));
  await lab.start("third", 3, ROLLOUT);
  const { state } = await lab.until("third", "reverted", "halted");
  await lab.until("third", "reverted");
  context.diagnostic(`halted: ${JSON.stringify(state.halt)}`);
  const touched: string[] = [];
  for (const node of nodes) if ((await node.applied(3)) > 0) touched.push(node.id);
  const kinds = touched.map((id) => KINDS[id as keyof typeof KINDS]);
  assert.deepEqual([...kinds].sort(), ["cpu", "gpu"], "the canaries, and nobody else");
  for (const node of nodes)
    if (!touched.includes(node.id)) assert.equal(await node.files(), before.get(node.id), node.id);
  await pullsGoTo(nodes, fresh, [halfway]);
  const { stdout } = await lab.run("rollout", "status", "third");
  context.diagnostic(stdout);
  assert.match(stdout, /gpu/, "what those that failed have in common");
}

async function throughFailures(
  context: TestContext,
  lab: FleetLab,
  nodes: readonly FleetNode[],
  old: LabRegistry,
): Promise<void> {
  await lab.publish(4, desiredState(4, old.host));
  await lab.start("fourth", 4, ROLLOUT);
  const leading = await lab.etcd.leader();
  await leading?.kill("SIGKILL");
  context.diagnostic(`killed in preflight: the leader of etcd (${leading?.endpoint})`);
  await phaseIs(lab, "fourth", "waves");
  await leading?.start();
  const controller = await lab.leader();
  await controller.kill();
  context.diagnostic(`killed in the first wave: ${controller.name}, whose controller led`);
  const crashed = nodes.find(({ kind }) => kind === "gpu") as FleetNode;
  await crashed.node.crash();
  context.diagnostic(`crashed in the first wave: ${crashed.id}`);
  await controller.start();
  const other = lab.servers.find((server) => server !== controller);
  await other?.kill();
  await sleep(1_000);
  await other?.start();
  context.diagnostic(`killed and started again: ${other?.name}`);
  await lab.until("fourth", "done");
  await pullsGoTo(nodes, old, []);
  for (const node of nodes)
    if (node !== crashed) assert.equal(await node.applied(4), 1, `${node.id}: not twice`);
}

async function phaseIs(lab: FleetLab, id: string, phase: string): Promise<void> {
  for (let waited = 0; (await lab.rollout(id)).state.phase !== phase; waited += 200) {
    if (waited > 2 * WAIT_LIMIT_MS) throw new Error((await lab.run("rollout", "status", id)).stdout);
    await sleep(200);
  }
}

/** Each node pulls; requests come to the one registry, and to none of the others. */
async function pullsGoTo(
  nodes: readonly FleetNode[],
  wanted: LabRegistry,
  others: readonly LabRegistry[],
): Promise<void> {
  for (const registry of [wanted, ...others]) registry.clearRequests();
  for (const node of nodes) {
    const pulled = await node.pull(APP);
    assert.equal(pulled.ok, true, `${node.id}: ${JSON.stringify(pulled)}`);
  }
  const manifests = (registry: LabRegistry) =>
    registry.requests().filter(({ path }) => path.includes("/library/app/")).length;
  assert.ok(manifests(wanted) >= nodes.length);
  for (const other of others) assert.equal(manifests(other), 0);
}

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Offer } from "../../../src/core/fleet/node-status.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { eventually } from "../../fleet/engine/engine-words.ts";
import { openEtcd } from "../../fleet/engine/open-engine.ts";
import { atEnd } from "../../support/at-end.ts";
import type { FeedProcess } from "../../support/feed-process.ts";
import { labSkipReason, partSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { shareDaemons } from "../support/shared-daemons.ts";
import { type FleetAgent, startFleetAgent } from "./support/fleet-agent.ts";
import { FLEET, type FleetLab, startFleetLab } from "./support/fleet-lab.ts";

const skip = labSkipReason() ?? partSkipReason("etcd") ?? false;

/** A soak leaves time to stop something in the middle; nobody is late who is stopped for two minutes. */
const rolloutFrom = (canary: string): string => `spread: 0s
soak: 4s
reportBy: 10m
preflight: { nodes: all, reportBy: 5m }
waves:
  - { name: canary, pick: { nodes: [${canary}] }, bake: 3s, evidence: none }
  - { name: rest, pick: { percent: 100 }, bake: 1s, minDone: 1, evidence: none }
`;

interface Scene {
  readonly lab: FleetLab;
  readonly store: FleetStore;
  readonly agents: readonly FleetAgent[];
  readonly mirror: ScriptedRegistry;
}

test("whatever is stopped in a rollout, and woken again, nothing is lost and nothing is done twice", {
  skip,
  timeout: 850_000,
}, async (t) => {
  const scene = await setTheScene(t);
  try {
    await begin(scene, 1, "n1");
    await scene.lab.until("r1", "done");
    await leaderOfEtcd(t, scene, 2);
    await leadingServer(t, scene, 3);
    await serverThatMissesAHalt(t, scene, 4, 5);
    await agentInItsSoak(t, scene, 6);
    for (const serial of [1, 2, 5, 6]) appliedOnce(scene, serial);
  } catch (error) {
    for (const { name, log } of scene.lab.servers) t.diagnostic(`${name}: ${(await log()).slice(-2_000)}`);
    for (const { id, agent } of scene.agents) t.diagnostic(`${id}: ${agent.log().slice(-3_000)}`);
    throw error;
  }
});

async function setTheScene(t: TestContext): Promise<Scene> {
  const lab = await startFleetLab();
  atEnd(t, lab.stop);
  const mirror = await startScriptedRegistry();
  atEnd(t, mirror.stop);
  const engine = await openEtcd({ endpoints: lab.etcd.endpoints });
  atEnd(t, () => engine.close());
  const daemons = shareDaemons({});
  atEnd(t, daemons.stop);
  const agents: FleetAgent[] = [];
  for (const [id, generation] of [
    ["n1", "1.6"],
    ["n2", "1.7"],
    ["n3", "2.1"],
  ] as const) {
    await lab.must("inventory", "set", id, "fleet=lab");
    const one = await startFleetAgent(lab, await daemons.get(generation), id);
    atEnd(t, one.agent.kill);
    agents.push(one);
  }
  const scene = { lab, store: { engine, fleet: FLEET }, agents, mirror };
  await eventually(async () => {
    const all = await Promise.all(agents.map(({ id }) => statusOf(scene, id)));
    return all.every((status) => status?.connection !== undefined);
  }, "all are connected");
  return scene;
}

async function leaderOfEtcd(t: TestContext, scene: Scene, serial: number): Promise<void> {
  const { lab } = scene;
  await begin(scene, serial, "n1");
  await eventually(async () => (await stateOf(scene, serial))?.phase === "waves", "its first wave");
  const leader = await lab.etcd.leader();
  assert.ok(leader);
  await leader.kill("SIGSTOP");
  await lab.until(`r${serial}`, "done");
  const before = await picture(scene);
  await leader.kill("SIGCONT");
  await eventually(
    () => leader.post("/v3/kv/range", { key: "eA==" }).then(Boolean, () => false),
    "it is a member again",
  );
  assert.deepEqual(await picture(scene), before);
  t.diagnostic(`stopped in the first wave: the leader of etcd (${leader.endpoint})`);
}

/** Its nodes notice by the keepalive and go elsewhere, another controller goes on, and when it wakes it has no say. */
async function leadingServer(t: TestContext, scene: Scene, serial: number): Promise<void> {
  const { lab } = scene;
  const server = await lab.leader();
  const [canary, ...others] = await agentsOf(scene, server);
  assert.ok(canary, "the server that leads has a node");
  const [seats, { length }] = [await seatsOf(server), canary.agent.log()];
  await begin(scene, serial, canary.id);
  await isSoaking(scene, serial, canary.id);
  server.signal("SIGSTOP");
  await lab.until(`r${serial}`, "done");
  assert.match(canary.agent.log().slice(length), /"message":"no feed: UNAVAILABLE: /);
  assert.doesNotMatch(canary.agent.log(), /the server is silent/);
  const before = await picture(scene);
  const moved = [canary, ...others].map(({ id }) => before.get(id)?.server);
  assert.ok(moved.every((seat) => seat !== undefined && !seats.includes(seat)));

  server.signal("SIGCONT");
  await eventually(async () => (await seatsOf(server)).length > seats.length, "it has a seat again");
  await eventually(
    async () => (await server.metric("mirrorlet_fleet_controller_leading")) === 0,
    "it does not lead any more",
  );
  assert.equal(await server.metric("mirrorlet_feed_server_streams"), 0);
  assert.deepEqual(await picture(scene), before);
  // Here, for what is taken back later leads to it again.
  appliedOnce(scene, serial);
  t.diagnostic(`stopped while ${canary.id} soaked: ${server.name}, whose controller led`);
}

/** Stopped for less than anybody would notice: it wakes with its nodes, its seat, and a view of a wave that is over. */
async function serverThatMissesAHalt(
  t: TestContext,
  scene: Scene,
  serial: number,
  next: number,
): Promise<void> {
  const { lab, agents } = scene;
  const leading = await lab.leader();
  const others = lab.servers.filter((server) => server !== leading);
  const crews = await Promise.all(others.map((server) => agentsOf(scene, server)));
  const server = others[crews.findIndex(({ length }) => length > 0)];
  assert.ok(server, "a server that does not lead has a node");
  const crew = await agentsOf(scene, server);
  const canary = agents.find((one) => !crew.includes(one));
  assert.ok(canary);
  await begin(scene, serial, canary.id);
  await isSoaking(scene, serial, canary.id);
  server.signal("SIGSTOP");
  const isReleased = async () => (await stateOf(scene, serial))?.wave === 1;
  await eventually(isReleased, "the wave of its nodes is released");
  await lab.must("rollout", "halt", `r${serial}`, "--reason", "test");
  server.signal("SIGCONT");
  await lab.must("rollout", "revert", `r${serial}`, "--reason", "test");
  await lab.until(`r${serial}`, "reverted");
  await begin(scene, next, canary.id);
  await lab.until(`r${next}`, "done");
  for (const one of crew) assert.equal(one.applied(serial), 0, `${one.id} was not told what was halted`);
  t.diagnostic(`stopped while the wave of ${crew.map(({ id }) => id)} came and went: ${server.name}`);
}

/** Its server notices by the keepalive; when it wakes it says how it has ended, and does not begin again. */
async function agentInItsSoak(t: TestContext, scene: Scene, serial: number): Promise<void> {
  const { lab, agents } = scene;
  const [canary, stopped] = agents;
  assert.ok(canary && stopped);
  await begin(scene, serial, canary.id);
  await isSoaking(scene, serial, stopped.id);
  const before = await statusOf(scene, stopped.id);
  process.kill(stopped.agent.pid, "SIGSTOP");
  await within(3 * WAIT_LIMIT_MS, "its server notices", async () => {
    return (await statusOf(scene, stopped.id))?.connection === undefined;
  });
  assert.equal((await stateOf(scene, serial))?.phase, "waves", "it is waited for");
  process.kill(stopped.agent.pid, "SIGCONT");
  await lab.until(`r${serial}`, "done");
  const after = await statusOf(scene, stopped.id);
  assert.deepEqual(after?.instances, before?.instances);
  assert.equal(after?.cloned, undefined);
  for (const { metric } of lab.servers)
    assert.equal(await metric('mirrorlet_feed_server_streams_ended_total{reason="silent"}'), 0);
  t.diagnostic(`stopped in its soak: ${stopped.id}`);
}

async function begin({ lab, mirror }: Scene, serial: number, canary: string): Promise<void> {
  const state = `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: ${serial}
registryMirrors:
  - endpoint: ${mirror.url}/v2/team-${serial}
    hosts: [gcr.io]
`;
  await lab.publish(serial, state);
  await lab.start(`r${serial}`, serial, rolloutFrom(canary));
}

const statusOf = async ({ store }: Scene, id: string) => (await readFleet(store)).status.get(id)?.value;

const stateOf = async ({ store }: Scene, serial: number) =>
  (await readFleet(store)).state.get(`r${serial}`)?.value;

async function isSoaking(scene: Scene, serial: number, id: string): Promise<void> {
  const isIt = (offer: Offer | undefined): boolean =>
    offer?.rolloutId === `r${serial}` && offer.mode === "apply" && offer.phase === "applied";
  await within(3 * WAIT_LIMIT_MS, `${id} soaks`, async () => isIt((await statusOf(scene, id))?.offer));
}

/** What nodes were told last and when, what they said, and where they are. */
async function picture({ store }: Scene) {
  const { status } = await readFleet(store);
  return new Map(
    [...status].map(([id, { value }]) => [id, { offer: value.offer, server: value.connection?.server }]),
  );
}

/** Names that the fleet has known it by. */
async function seatsOf({ log }: FeedProcess): Promise<readonly string[]> {
  const lines = (await log()).matchAll(/"server":"([^"]+)"[^\n]*"the fleet knows this server"/g);
  return [...lines].map(([, seat = ""]) => seat);
}

async function agentsOf(scene: Scene, server: FeedProcess): Promise<readonly FleetAgent[]> {
  const [seats, seen] = [await seatsOf(server), await picture(scene)];
  return scene.agents.filter(({ id }) => seats.includes(seen.get(id)?.server ?? ""));
}

/** By its own log: a pass brought it into force. */
function appliedOnce({ agents }: Scene, serial: number): void {
  for (const { id, applied } of agents) assert.equal(applied(serial), 1, `${id}: ${serial}`);
}

async function within(ms: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await isSo()); waited += 100) {
    if (waited > ms) throw new Error(`it never came to pass: ${what}`);
    await sleep(100);
  }
}

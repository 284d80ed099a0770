import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type RunningCanaries, startCanaries } from "../../src/agent/evidence/start-canaries.ts";
import { startImageEvents } from "../../src/agent/evidence/start-image-events.ts";
import type { PassReport } from "../../src/agent/report.ts";
import {
  forEachGeneration,
  type Generation,
  type LabContainerd,
  startContainerd,
} from "../support/containerd.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createEvidenceNode, type EvidenceNode, until } from "./support/evidence-node.ts";
import { pulled } from "./support/site.ts";

const CANARY = "gcr.io/team/canary:1";

interface Site {
  readonly daemon: LabContainerd;
  readonly node: EvidenceNode;
  readonly mirror: ScriptedRegistry;
  readonly image: LabImage;
  readonly canaries: RunningCanaries;
  /** Lets a pass that wants the canary be over, and waits until the canary is told. */
  tryOnce(): Promise<void>;
}

async function openSite(context: TestContext, generation: Generation): Promise<Site> {
  const mirror = await startScriptedRegistry();
  context.after(() => mirror.stop());
  const daemon = await startContainerd({ generation });
  context.after(() => daemon.stop());
  const node = createEvidenceNode(daemon);
  await node.setHosts("gcr.io", [mirror.url], "http://127.0.0.1:1");
  const image = buildImage({ layers: 2 });
  mirror.put("team/canary", "1", image);
  const events = startImageEvents({ ports: node.ports, sink: node.sink });
  context.after(() => events.stop());
  await until("the events are followed", () => events.state().up);
  const canaries = startCanaries({
    ports: node.ports,
    sink: node.sink,
    intervalMs: 3_600_000,
    random: () => 0.5,
    isBusy: () => false,
  });
  context.after(() => canaries.stop());
  return {
    daemon,
    node,
    mirror,
    image,
    canaries,
    async tryOnce() {
      const told = () => node.notices.filter(({ from }) => from === "canary").length;
      const before = told();
      canaries.afterPass(applied);
      await until("the canary is told", () => told() > before);
    },
  };
}

const STAYS = /the canary stays: it came to be needed/;

const applied = { outcome: "applied", canaries: [CANARY] } as unknown as PassReport;

forEachGeneration("a canary is pulled, told and leaves nothing behind", async (generation, context) => {
  const { node, mirror, image, tryOnce } = await openSite(context, generation);
  await tryOnce();
  const [notice, ...more] = node.notices;
  assert.deepEqual(more, [], "its own image events are not told");
  assert.ok(notice?.ok === true && notice.from === "canary");
  assert.deepEqual([notice.registry, notice.repository, notice.reference], ["gcr.io", "team/canary", CANARY]);
  assert.ok((notice.startedMs ?? 0) <= notice.endedMs);
  const parts = [...image.manifests, ...image.blobs].map(({ digest }) => digest);
  assert.deepEqual(notice.fetched?.map(({ digest }) => digest).toSorted(), parts.toSorted());
  assert.equal(pulled(mirror).length, 5);
  await until("it is gone", async () => (await node.names()).length === 0);
  await until("the source is up", () => node.states.at(-1)?.up === true);
  assert.deepEqual(node.states.at(-1), { source: "canary", up: true, message: "" });
});

forEachGeneration("a canary that is on the node costs one HEAD and stays", async (generation, context) => {
  const { daemon, node, mirror, tryOnce } = await openSite(context, generation);
  await daemon.pull(CANARY);
  await until("the pull is told", () => node.notices.length === 1);
  const names = await node.names();
  mirror.clearRequests();
  await tryOnce();
  assert.deepEqual(pulled(mirror), ["HEAD /v2/team/canary/manifests/1 200"]);
  assert.deepEqual(node.notices.at(-1)?.fetched, []);
  assert.deepEqual(await node.names(), names);
});

forEachGeneration("the same content under another name survives the canary", async (generation, context) => {
  const { daemon, node, mirror, image, tryOnce } = await openSite(context, generation);
  mirror.put("k8s/pause", "3.9", image);
  const pause = await daemon.pull("gcr.io/k8s/pause:3.9");
  assert.ok(pause.ok);
  const names = await node.names();
  assert.equal(names.length, 3, "a reference, its digest, the ID");
  await tryOnce();
  await until("the canary is gone", async () => !(await node.names()).includes(CANARY));
  assert.deepEqual(await node.names(), names);
});

forEachGeneration("a canary stays that a container was made from meanwhile", async (generation, context) => {
  const { node, tryOnce } = await openSite(context, generation);
  const pod: Promise<string>[] = [];
  node.onNotice = () => {
    pod.push(node.ctr("containers", "create", "--snapshotter", "native", CANARY, "pod"));
  };
  await tryOnce();
  await Promise.all(pod);
  assert.equal(pod.length, 1);
  await until("it is left alone", () => node.logged.some((line) => STAYS.test(line)));
  assert.ok((await node.names()).includes(CANARY));
});

forEachGeneration("a canary stays that others have pulled meanwhile", async (generation, context) => {
  const { daemon, node, tryOnce } = await openSite(context, generation);
  const pulls: Promise<unknown>[] = [];
  node.onNotice = ({ from }) => {
    if (from === "canary") pulls.push(daemon.pull(CANARY));
  };
  await tryOnce();
  await Promise.all(pulls);
  assert.equal(pulls.length, 1);
  await until("that pull is told, too", () => node.notices.some(({ from }) => from === "events"));
  await until("it is left alone", () => node.logged.some((line) => STAYS.test(line)));
  assert.equal((await node.names()).length, 3);
});

forEachGeneration("a canary that the mirror does not serve says why", async (generation, context) => {
  const { node, mirror, tryOnce } = await openSite(context, generation);
  mirror.script({ does: { kind: "status", status: 500 } });
  await tryOnce();
  const [notice] = node.notices;
  assert.ok(notice !== undefined && !notice.ok);
  assert.match(notice.error ?? "", /500 Internal Server Error|connection refused/);
  assert.deepEqual(await node.names(), []);
});

forEachGeneration("a canary makes room for a pass and says nothing of it", async (generation, context) => {
  const { node, mirror, canaries } = await openSite(context, generation);
  mirror.script({ path: /blobs/, does: { kind: "hang" }, times: 1 });
  canaries.afterPass(applied);
  await until("the pull hangs", () => mirror.requests().some(({ path }) => path.includes("/blobs/")));
  await canaries.interrupt();
  assert.deepEqual(await node.names(), []);
  assert.equal(node.notices.length, 0);
  await until("it is tried again", () => node.notices.length > 0);
  assert.ok(node.notices.every(({ ok }) => ok));
});

forEachGeneration("a canary that a restart of containerd ends is no failure", async (generation, context) => {
  const { daemon, node, mirror, canaries } = await openSite(context, generation);
  mirror.script({ path: /blobs/, does: { kind: "hang" } });
  canaries.afterPass(applied);
  await until("the pull hangs", () => mirror.requests().some(({ path }) => path.includes("/blobs/")));
  await daemon.restart();
  await until("the state tells", () => node.states.at(-1)?.up === false && node.states.length > 2);
  assert.match(node.states.at(-1)?.message ?? "", /containerd (?:was restarted|does not answer)/);
  assert.deepEqual(node.notices, []);
});

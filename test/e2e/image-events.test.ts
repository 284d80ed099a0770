import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RunningSource } from "../../src/agent/evidence/running-source.ts";
import { startImageEvents } from "../../src/agent/evidence/start-image-events.ts";
import { generations, type LabContainerd, startContainerd } from "../support/containerd.ts";
import { defaultConfig } from "../support/containerd-config.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createEvidenceNode, type EvidenceNode, until } from "./support/evidence-node.ts";

interface Site {
  readonly daemon: LabContainerd;
  readonly node: EvidenceNode;
  readonly events: RunningSource;
  readonly mirror: ScriptedRegistry;
  /** Pulls, waits, and gives what was told: `reference m b b`, a letter for each part fetched, `?` where not known. */
  told(act: () => Promise<unknown>, count: number): Promise<readonly string[]>;
}

/** Each generation; and 2.1 with its in-process client, as the others have, instead of the transfer service. */
const variants = [
  ...generations.map((name) => ({ name, local: false })),
  { name: "2.1" as const, local: true },
];

function forEachVariant(title: string, body: (site: Site) => Promise<void>): void {
  for (const { name, local } of variants)
    test(
      `${title} (containerd ${name}${local ? ", local pull" : ""})`,
      { skip: labSkipReason() ?? false },
      async (context) => body(await openSite(context, name, local)),
    );
}

async function openSite(
  context: TestContext,
  generation: LabContainerd["generation"],
  local: boolean,
): Promise<Site> {
  const mirror = await startScriptedRegistry();
  context.after(() => mirror.stop());
  const daemon = await startContainerd({
    generation,
    config: (paths) =>
      defaultConfig(generation, paths).replace(
        'snapshotter = "native"\n',
        `snapshotter = "native"\n${local ? "  use_local_image_pull = true\n" : ""}`,
      ),
  });
  context.after(() => daemon.stop());
  const node = createEvidenceNode(daemon);
  await node.setHosts("gcr.io", [mirror.url], "http://127.0.0.1:1");
  const events = startImageEvents({ ports: node.ports, sink: node.sink });
  context.after(() => events.stop());
  await until("the events are followed", () => events.state().up);
  return {
    daemon,
    node,
    events,
    mirror,
    async told(act, count) {
      const before = node.notices.length;
      await act();
      await until(`${count} pulls are told`, () => node.notices.length >= before + count);
      // One too many would come right after.
      await new Promise((resolve) => setTimeout(resolve, 150));
      return node.notices.slice(before).map(({ reference, fetched }) => {
        const parts = fetched?.map(({ kind }) => kind.slice(0, 1)) ?? ["?"];
        return [reference.replace(/@sha256:.*/, "@"), ...parts].join(" ");
      });
    },
  };
}

function put(
  mirror: ScriptedRegistry,
  repository: string,
  image: LabImage = buildImage({ layers: 2 }),
): LabImage {
  mirror.put(repository, "1", image);
  return image;
}

forEachVariant("each pull is told once, with what it fetched", async ({ daemon, node, mirror, told }) => {
  const app = put(mirror, "team/app");
  mirror.put("team/app", "same", app);
  const pull = (reference: string) => daemon.pull(`gcr.io/team/${reference}`);
  assert.deepEqual(await told(() => pull("app:1"), 1), ["gcr.io/team/app:1 m b b b"]);
  assert.deepEqual(await told(() => pull("app:1"), 1), ["gcr.io/team/app:1"]);
  assert.deepEqual(await told(() => pull(`app@${app.digest}`), 1), ["gcr.io/team/app@"]);
  assert.deepEqual(await told(() => pull("app:same"), 1), ["gcr.io/team/app:same"]);
  put(mirror, "team/app", buildImage());
  assert.deepEqual(await told(() => pull("app:1"), 1), ["gcr.io/team/app:1 m b b"], "a tag that moved");

  const many = put(mirror, "team/many", buildImage({ platforms: ["linux/amd64", "linux/arm64"] }));
  assert.deepEqual(await told(() => pull("many:1"), 1), ["gcr.io/team/many:1 m m b b"]);
  assert.deepEqual(await told(() => pull(`many:1@${many.digest}`), 1), ["gcr.io/team/many@"]);
  const digest = put(mirror, "team/digest").digest;
  assert.deepEqual(await told(() => pull(`digest@${digest}`), 1), ["gcr.io/team/digest@ m b b b"]);

  put(mirror, "team/busy");
  const three = () => Promise.all([1, 2, 3].map(() => pull("busy:1")));
  const busy = "gcr.io/team/busy:1";
  assert.deepEqual(await told(three, 3), [`${busy} m b b b`, busy, busy]);
  assert.deepEqual(await told(three, 3), [busy, busy, busy]);
  const pulled = Array.from({ length: 8 }, (_, i) => `app${i}`);
  for (const name of pulled) put(mirror, `team/${name}`);
  const all = await told(() => Promise.all(pulled.map((name) => pull(`${name}:1`))), 8);
  assert.deepEqual(
    all.toSorted(),
    pulled.map((name) => `gcr.io/team/${name}:1 m b b b`),
  );
  assert.ok(node.notices.every(({ ok, from, endedMs }) => ok && from === "events" && endedMs > 0));
});

forEachVariant(
  "what is no pull of others through CRI is not told",
  async ({ daemon, node, mirror, told }) => {
    put(mirror, "team/app");
    put(mirror, "team/last");
    const last = () => daemon.pull("gcr.io/team/last:1");
    await told(() => daemon.pull("gcr.io/team/app:1"), 1);
    const byOthers = async () => {
      const hosts = ["--hosts-dir", daemon.certsD, "--snapshotter", "native"];
      await node.ctr("images", "pull", ...hosts, "gcr.io/team/app:1");
      put(mirror, "team/ctr");
      await node.ctr("images", "pull", ...hosts, "gcr.io/team/ctr:1");
      assert.equal((await daemon.pull("gcr.io/team/none:1")).ok, false);
      // Its record is made before CRI finds out that this is no image.
      mirror.script({ path: /html/, does: { kind: "html" } });
      assert.equal((await daemon.pull("gcr.io/team/html:1")).ok, false);
      const own = await node.ports.containerd.pullImage(
        "gcr.io/team/app:1",
        20_000,
        AbortSignal.timeout(20_000),
      );
      assert.ok(own.ok);
      await last();
    };
    assert.deepEqual(await told(byOthers, 1), ["gcr.io/team/last:1 m b b b"]);
    assert.deepEqual(
      await told(() => daemon.pull("gcr.io/team/ctr:1"), 1),
      ["gcr.io/team/ctr:1"],
      "ctr fetched it",
    );
  },
);

forEachVariant("a restart of containerd is followed", async ({ daemon, events, mirror, told }) => {
  put(mirror, "team/app");
  await told(() => daemon.pull("gcr.io/team/app:1"), 1);
  await daemon.restart();
  await until("the events are followed again", () => events.state().up);
  assert.deepEqual(await told(() => daemon.pull("gcr.io/team/app:1"), 1), ["gcr.io/team/app:1"]);
  put(mirror, "team/new");
  assert.deepEqual(await told(() => daemon.pull("gcr.io/team/new:1"), 1), ["gcr.io/team/new:1 m b b b"]);
});

forEachVariant(
  "what was fetched tells mirror and upstream apart by what reached the last host before it",
  async (site) => {
    const { daemon, node, mirror } = site;
    const [witness, upstream] = await Promise.all([startScriptedRegistry(), startScriptedRegistry()]);
    try {
      await node.setHosts("gcr.io", [mirror.url, witness.url], upstream.url);
      const image = put(mirror, "team/app", buildImage({ layers: 3 }));
      upstream.put("team/app", "1", image);
      const missing = image.blobs[2]?.digest ?? "";
      mirror.script(
        { path: new RegExp(missing), does: { kind: "status", status: 404 } },
        { method: "HEAD", does: { kind: "status", status: 500 } },
      );
      await site.told(() => daemon.pull("gcr.io/team/app:1"), 1);
      const hits = new Set(witness.requests().map(({ path }) => path.slice(path.lastIndexOf("/") + 1)));
      const fetched = node.notices.at(-1)?.fetched?.map(({ digest }) => digest) ?? [];
      const served = (registry: ScriptedRegistry) =>
        registry
          .requests()
          .filter(({ method, status }) => method === "GET" && status === 200)
          .map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
      assert.deepEqual(
        fetched.filter((digest) => hits.has(digest)),
        [missing],
      );
      assert.deepEqual(
        fetched.filter((digest) => hits.has(digest)),
        served(upstream),
      );
      assert.deepEqual(fetched.filter((digest) => !hits.has(digest)).toSorted(), served(mirror).toSorted());
      assert.ok(hits.has("1"), "the tag was resolved by the upstream");
    } finally {
      await Promise.all([witness.stop(), upstream.stop()]);
    }
  },
);

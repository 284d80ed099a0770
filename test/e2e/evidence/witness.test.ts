import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import type { SourceState } from "../../../src/core/evidence/evidence-report.ts";
import { forEachGeneration, type LabContainerd } from "../../support/containerd.ts";
import { findFreePort } from "../../support/free-port.ts";
import { buildImage, type ImageOptions, type LabImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type Rule, startScriptedRegistry } from "../../support/scripted-registry.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { type LabNode, prepareNode } from "../support/lab-node.ts";
import { native, pulled } from "../support/site.ts";
import { asHits, witnessHits } from "../support/witness-hits.ts";
import { startWitnessSite, type WitnessSite } from "../support/witness-site.ts";

let site: WitnessSite;
/** Nobody listens there. */
let deadMirror: string;

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startWitnessSite(["gcr.io", "quay.io"]);
  deadMirror = `http://127.0.0.1:${await findFreePort()}`;
});

after(() => site?.stop());

const settings = { "log.level": '"debug"', preflight: '"off"' };

/** gcr.io and shut.io have the mirror, quay.io and dead.io one that is down; shut.io and dead.io have no upstream. */
function wish(): string {
  const entries = [
    { endpoint: site.mirror.url, hosts: ["gcr.io", "shut.io"] },
    { endpoint: deadMirror, hosts: ["quay.io", "dead.io"] },
  ];
  return native(entries, { upstream: { "shut.io": "never", "dead.io": "never" } });
}

function clear(): void {
  site.clear();
}

let images = 0;

/** A new image, in the upstream and in the mirror. */
function publish(options: ImageOptions = {}): { readonly image: LabImage; readonly repository: string } {
  const image = buildImage({ layers: 2, ...options });
  const repository = `fate/n${++images}`;
  site.upstream.put(repository, "1", image);
  site.mirror.put(repository, "1", image);
  return { image, repository };
}

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Rule => ({
  path: /\/(manifests|blobs)\//,
  does: { kind: "status", status: code, headers },
});

/** What the mirror does with every request of a pull, but for one layer. */
const fates: Readonly<Record<string, (image: LabImage) => readonly Rule[]>> = {
  "has all": () => [],
  "lacks a layer": (image) => [{ ...status(404), path: new RegExp(`${secondLayer(image)}$`) }],
  "lacks the manifest": () => [{ ...status(404), path: /\/manifests\// }],
  "404": () => [status(404)],
  "401 without a challenge": () => [status(401)],
  "401 Basic": () => [status(401, { "www-authenticate": 'Basic realm="lab"' })],
  "401 Bearer, realm down": () => [
    status(401, { "www-authenticate": `Bearer realm="${deadMirror}/token",service="lab"` }),
  ],
  "403": () => [status(403)],
  "429": () => [status(429, { "retry-after": "1" })],
  "500": () => [status(500)],
  reset: () => [{ does: { kind: "reset" } }],
  redirects: () => [status(307, { location: `${deadMirror}/elsewhere` })],
};

/** Of the platform that is pulled; the config is the first blob. */
function secondLayer({ blobs }: LabImage): string {
  return blobs[2]?.digest ?? "";
}

forEachGeneration("the witness sees exactly what the upstream is asked", async (generation, context) => {
  const daemon = await site.daemons.get(generation);
  const node = await prepareNode(daemon, { settings });
  const agent = await node.startAgent();
  context.after(() => agent.stop());
  await agent.apply(wish());
  const expected: string[] = [];
  const check = async (reference: string, served: boolean, what: string): Promise<void> => {
    clear();
    const result = await daemon.pull(reference);
    assert.equal(result.ok, true, `${what}: ${JSON.stringify(result)}`);
    const asked = asHits(site.upstream.requests());
    assert.equal(asked.length === 0, served, `${what}: the upstream was asked for ${asked.join(", ")}`);
    await agent.until(what, async () => witnessHits(agent, expected.length).length >= asked.length);
    assert.deepEqual([...witnessHits(agent, expected.length)].sort(), [...asked].sort(), what);
    expected.push(...asked);
  };
  for (const [fate, rules] of Object.entries(fates)) {
    for (const platforms of [["linux/amd64"], ["linux/amd64", "linux/arm64"]]) {
      const { image, repository } = publish({ platforms });
      site.mirror.script(...rules(image));
      const served = fate === "has all";
      await check(`gcr.io/${repository}:1`, served, `${fate}, ${platforms.length} platforms, by tag`);
      await daemon.removeImage(`gcr.io/${repository}:1`);
      await check(`gcr.io/${repository}@${image.digest}`, served, `${fate}, ${platforms.length}, by digest`);
    }
  }
  site.mirror.script();
  const { image, repository } = publish({ layers: 20 });
  await check(`quay.io/${repository}:1`, false, "a mirror that is down, 20 layers");
  await check(`quay.io/${repository}@${image.digest}`, false, "again, with everything there");
  assert.deepEqual([...witnessHits(agent)].sort(), expected.sort(), "nothing came late or twice");
  assert.ok(expected.length > 100, `${expected.length} hits`);
});

forEachGeneration(
  "upstream never: the miss is seen, and nobody else is asked",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { settings });
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(wish());
    site.mirror.script();
    const { image, repository } = publish();
    clear();
    assert.equal((await daemon.pull(`shut.io/${repository}:1`)).ok, true);
    assert.deepEqual(witnessHits(agent), [], "what the mirror has");

    const digest = `sha256:${"0".repeat(64)}`;
    assert.equal((await daemon.pull("shut.io/absent/app:1")).ok, false);
    assert.equal((await daemon.pull(`shut.io/absent/app@${digest}`)).ok, false);
    const down = await daemon.pull("dead.io/absent/app:1");
    assert.match(
      down.ok ? "" : down.message,
      /connection refused/,
      "the reason is the mirror's, not the witness'",
    );
    site.mirror.script({ ...status(404), path: new RegExp(`${secondLayer(image)}$`) });
    await daemon.removeImage(`shut.io/${repository}:1`);
    assert.equal((await daemon.pull(`shut.io/${repository}:1`)).ok, false, "a layer is missing");
    await agent.until("the layer's miss", async () => witnessHits(agent).length >= 5);
    assert.deepEqual(witnessHits(agent), [
      "HEAD manifest shut.io/absent/app 1",
      `HEAD manifest shut.io/absent/app ${digest}`,
      // Not as a manifest, then perhaps as a blob: it must not be found there either.
      `HEAD blob shut.io/absent/app ${digest}`,
      "HEAD manifest dead.io/absent/app 1",
      `GET blob shut.io/${repository} ${secondLayer(image)}`,
    ]);
    assert.deepEqual(site.contacts(), []);
  },
);

forEachGeneration(
  "digest-only mirrors, every other registry, and one on loopback: each fallback once, and no more",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { settings });
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    const local = await startScriptedRegistry();
    context.after(() => local.stop());
    site.mirror.script();
    const entries = [
      { endpoint: site.mirror.url, hosts: ["*", local.host] },
      { endpoint: site.mirror.url, hosts: ["gcr.io"], capabilities: ["pull"] },
    ];
    await agent.apply(native(entries));
    const expectHits = async (what: string, expected: readonly string[]): Promise<void> => {
      await agent.until(what, async () => witnessHits(agent).length >= expected.length);
      assert.deepEqual(witnessHits(agent), expected, what);
    };

    const { image, repository } = publish();
    clear();
    assert.equal((await daemon.pull(`gcr.io/${repository}:1`)).ok, true);
    assert.deepEqual(pulled(site.upstream), [`HEAD /v2/${repository}/manifests/1 200`]);
    await expectHits("the tag is the upstream's by the operator's wish, the content the mirror's", []);
    const absent = `sha256:${"0".repeat(64)}`;
    assert.equal((await daemon.pull(`gcr.io/${repository}@${absent}`)).ok, false);
    const byDigest = ["manifest", "blob"].map((kind) => `HEAD ${kind} gcr.io/${repository} ${absent}`);
    await expectHits("what it lacks by digest", byDigest);

    clear();
    assert.equal((await daemon.pull("other.example/team/app:1")).ok, false);
    assert.deepEqual(site.contacts(), ["other.example:443"]);
    const byTag = [...byDigest, "HEAD manifest other.example/team/app 1"];
    await expectHits("a registry without an entry of its own", byTag);

    local.put("team/app", "1", image);
    site.mirror.script({ ...status(404), path: /team\/app/ });
    await daemon.removeImage(`gcr.io/${repository}:1`);
    assert.equal((await daemon.pull(`${local.host}/team/app:1`)).ok, true);
    const asked = asHits(local.requests());
    assert.equal(asked.length, 2 + image.blobs.length);
    await agent.until("a registry on loopback", async () => witnessHits(agent, 3).length >= asked.length);
    assert.deepEqual([...witnessHits(agent, 3)].sort(), [...asked].sort());
  },
);

interface Outcome {
  readonly result: string;
  readonly mirror: readonly string[];
  readonly upstream: readonly string[];
}

forEachGeneration("but for its own requests the witness changes nothing", async (generation, context) => {
  const daemon = await site.daemons.get(generation);
  site.mirror.script();
  const { image: known, repository: wanted } = publish();
  const { repository: list } = publish({ platforms: ["linux/amd64", "linux/arm64"] });
  const elsewhere = buildImage({ layers: 2 });
  site.upstream.put("fate/elsewhere", "1", elsewhere);
  const references = [
    `gcr.io/${wanted}:1`,
    `gcr.io/${wanted}@${known.digest}`,
    `gcr.io/${list}:1`,
    "gcr.io/fate/elsewhere:1",
    `gcr.io/fate/elsewhere@${elsewhere.digest}`,
    `quay.io/${list}:1`,
    "gcr.io/absent/app:1",
    `gcr.io/absent/app@sha256:${"0".repeat(64)}`,
    "quay.io/absent/app:1",
    "shut.io/absent/app:1",
    `shut.io/absent/app@sha256:${"0".repeat(64)}`,
    "dead.io/absent/app:1",
  ];
  const outcomes = async (witness: boolean): Promise<Readonly<Record<string, Outcome>>> => {
    const node = await prepareNode(daemon, { settings, witness });
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(wish());
    const seen: Record<string, Outcome> = {};
    for (const reference of references) seen[reference] = await outcomeOf(daemon, reference);
    if (witness) assert.ok(witnessHits(agent).length > 10, "it was there");
    await agent.stop();
    return seen;
  };
  assert.deepEqual(await outcomes(true), await outcomes(false));
});

async function outcomeOf(daemon: LabContainerd, reference: string): Promise<Outcome> {
  clear();
  const result = await daemon.pull(reference);
  if (result.ok) await daemon.removeImage(reference);
  return {
    result: result.ok ? "ok" : `${result.code} ${result.message}`,
    mirror: [...pulled(site.mirror)].sort(),
    // How many connections it takes is a matter of timing.
    upstream: [...pulled(site.upstream), ...new Set(site.contacts())].sort(),
  };
}

forEachGeneration(
  "an agent that is stopped or killed is refused, and pulls go on",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { settings });
    site.mirror.script();
    const end: Readonly<Record<string, (agent: LabAgent) => Promise<unknown>>> = {
      stopped: (agent) => agent.stop(),
      killed: (agent) => agent.kill(),
    };
    for (const [how, act] of Object.entries(end)) {
      const agent = await node.startAgent();
      context.after(() => agent.stop());
      if (how === "stopped") await agent.apply(wish());
      await act(agent);
      const { repository } = publish();
      const { image, repository: missing } = publish();
      site.mirror.script({ ...status(404), path: new RegExp(`/${missing}/`) });
      clear();
      assert.equal((await daemon.pull(`gcr.io/${repository}:1`)).ok, true);
      assert.deepEqual(site.contacts(), []);
      assert.equal((await daemon.pull(`gcr.io/${missing}:1`)).ok, true);
      assert.equal(site.upstream.requests().length, 2 + image.blobs.length);
      site.clear();
      assert.equal((await daemon.pull("shut.io/absent/app:1")).ok, false);
      assert.deepEqual(site.contacts(), [], "never stays never");
    }
  },
);

forEachGeneration(
  "while image events cannot be followed the witness says so, and what it means",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const agent = await (await prepareNode(daemon, { settings })).startAgent();
    context.after(() => agent.stop());
    const says = async (): Promise<string> => {
      const response = await fetch(`http://${agent.address}/status.json`, {
        headers: { connection: "close" },
      });
      const { evidence } = (await response.json()) as {
        readonly evidence: { readonly sources: readonly SourceState[] };
      };
      return evidence.sources
        .flatMap(({ source, up, message }) => (source === "witness" && up ? [message] : []))
        .join();
    };
    await agent.until("nothing limits it", async () => (await says()) === "");
    process.kill(await daemon.pid(), "SIGKILL");
    const limit = /^pulls that succeed go uncounted .*containerd's image events cannot be followed: /;
    await agent.until("it says so", async () => limit.test(await says()));
    await daemon.restart();
    await agent.until("nothing limits it any more", async () => (await says()) === "");
  },
);

forEachGeneration(
  "opted out, it is gone from every hosts.toml, without a restart",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { settings });
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(wish());
    const pid = await daemon.pid();
    assert.match(
      await textOf(daemon, "gcr.io"),
      new RegExp(`\\[host\\."https://${node.witnessAddress}/witness"\\]`),
    );
    assert.match(
      await textOf(daemon, "shut.io"),
      new RegExp(`^server = "https://${node.witnessAddress}/witness"`, "m"),
    );
    assert.deepEqual(await rolesOf(node, "gcr.io/a/b:1"), ["mirror", "witness", "upstream"]);
    assert.deepEqual(await rolesOf(node, "shut.io/a/b:1"), ["mirror", "witness"]);
    assert.equal(await agent.stop(), 0);

    await node.put(
      "agent.toml",
      (await readFile(node.agentToml, "utf8")).replace("witness = true", "witness = false"),
    );
    const without = await node.startAgent();
    context.after(() => without.stop());
    await without.until(
      "hosts.toml names it no more",
      async () => !(await textOf(daemon, "shut.io")).includes("witness"),
    );
    await without.until("its certificates are gone", async () => {
      const names = await readdir(daemon.certsD, { recursive: true });
      return !names.some((name) => name.includes("witness"));
    });
    assert.deepEqual(await rolesOf(node, "gcr.io/a/b:1"), ["mirror", "upstream"]);
    assert.deepEqual(await rolesOf(node, "shut.io/a/b:1"), ["mirror"]);
    assert.equal(await daemon.pid(), pid);
  },
);

function textOf(daemon: LabContainerd, registry: string): Promise<string> {
  return readFile(join(daemon.certsD, registry, "hosts.toml"), "utf8");
}

async function rolesOf(node: LabNode, image: string): Promise<readonly string[]> {
  const { stdout } = await node.run("explain", image, "--no-probe", "--json");
  return (JSON.parse(stdout) as { hosts: { role: string }[] }).hosts.map(({ role }) => role);
}

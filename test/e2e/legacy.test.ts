import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { forEachGeneration, type Generation, type LabContainerd } from "../support/containerd.ts";
import { defaultConfig } from "../support/containerd-config.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { prepareNode } from "./support/lab-node.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { credential, native, pulled, putMaterial } from "./support/site.ts";

let ca: LabCa;
let secure: LabRegistry;
let plain: LabRegistry;
let trap: UpstreamTrap;
let daemons: SharedDaemons;

before(async () => {
  if (labSkipReason() !== undefined) return;
  ca = await createCa();
  trap = await startUpstreamTrap();
  secure = await startRegistry({ tls: await ca.issueServer() });
  plain = await startRegistry();
  daemons = shareDaemons({ upstreamTrap: trap });
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), secure?.stop(), plain?.stop()]);
});

/** containerd 2 does not read `configs.*.tls`: there a legacy mirror with a CA of its own never worked. */
const mirrorFor = (generation: Generation): LabRegistry => (generation === "2.1" ? plain : secure);

forEachGeneration(
  "legacy mirrors and their TLS settings become certs.d, and pulls go the same way",
  async (generation) => {
    const daemon = await daemons.get(generation);
    const mirror = mirrorFor(generation);
    const caFile = join(daemon.dir, "legacy-ca.crt");
    const node = await prepareNode(daemon, { containerdConfig: legacyConfig(daemon, mirror, caFile) });
    await node.put("../legacy-ca.crt", ca.cert);
    await pushImage(mirror, `old/legacy/${generation}`, "1.0");
    const pull = async (tag: string) => {
      mirror.clearRequests();
      trap.clearContacts();
      const reference = `gcr.io/legacy/${generation}:${tag}`;
      const { ok } = await daemon.pull(reference);
      if (ok) await daemon.removeImage(reference);
      return { ok, requests: pulled(mirror), contacts: trap.contacts().map(({ target }) => target) };
    };
    const before = { present: await pull("1.0"), absent: await pull("2.0") };
    assert.deepEqual([before.present.ok, before.present.requests.length], [true, 4]);
    assert.deepEqual([before.absent.ok, before.absent.contacts.includes("gcr.io:443")], [false, true]);

    const desired = native([{ endpoint: plain.url, hosts: ["quay.io"] }], { generation: 1 });
    const applied = await node.run("apply", await node.put("desired-state.yaml", desired));
    assert.equal(applied.code, 0, applied.stdout + applied.stderr);
    const config = await readFile(daemon.configPath, "utf8");
    assert.match(config, /config_path/);
    assert.doesNotMatch(config, /registry\.mirrors|endpoint = \[/);
    assert.match(await readFile(join(daemon.certsD, "gcr.io/hosts.toml"), "utf8"), new RegExp(mirror.url));
    assert.deepEqual({ present: await pull("1.0"), absent: await pull("2.0") }, before);
  },
);

forEachGeneration('style = "legacy" writes registry.mirrors, and pulls go by them', async (generation) => {
  const daemon = await daemons.get(generation);
  const mirror = mirrorFor(generation);
  const node = await prepareNode(daemon, {
    containerdConfig: withoutRegistry(daemon),
    settings: { style: '"legacy"' },
  });
  await putMaterial(node, ca.cert, mirror.host, credential);
  const desired = native([
    {
      endpoint: `${mirror.url}/v2/style`,
      hosts: ["gcr.io"],
      ...(mirror === secure ? { caCertPath: join(node.dir, "ca.crt") } : {}),
    },
  ]);
  const applied = await node.run("apply", await node.put("desired-state.yaml", desired));
  assert.equal(applied.code, 0, applied.stdout + applied.stderr);
  const config = await readFile(daemon.configPath, "utf8");
  assert.match(config, /registry\.mirrors\."gcr\.io"\]/);
  assert.doesNotMatch(config, /config_path/);

  await pushImage(mirror, `style/legacy/${generation}`, "1.0");
  mirror.clearRequests();
  trap.clearContacts();
  const result = await daemon.pull(`gcr.io/legacy/${generation}:1.0`);
  assert.equal(result.ok, true, JSON.stringify(result));
  assert.equal(pulled(mirror).length, 4, pulled(mirror).join("\n"));
  assert.deepEqual(trap.contacts(), []);
});

function withoutRegistry(daemon: LabContainerd): string {
  return defaultConfig(daemon.generation, daemon).replace(/^\[[^\n]*\.registry\]\n.*config_path.*\n/m, "");
}

function legacyConfig(daemon: LabContainerd, mirror: LabRegistry, caFile: string): string {
  const plugin = daemon.generation === "2.1" ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri";
  const tls =
    mirror === secure
      ? `[plugins."${plugin}".registry.configs."${mirror.host}".tls]\n  ca_file = "${caFile}"\n`
      : "";
  return `${withoutRegistry(daemon)}[plugins."${plugin}".registry.mirrors."gcr.io"]
  endpoint = ["${mirror.url}/v2/old"]
${tls}`;
}

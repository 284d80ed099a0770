import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { forEachGeneration, type LabContainerd } from "../support/containerd.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { type LabNode, prepareNode } from "./support/lab-node.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import {
  authorization,
  clusterHeader,
  containerdRequests,
  credential,
  dockerConfig,
  native,
  pulled,
  putMaterial,
} from "./support/site.ts";

/** In the system pool of the daemons, because mirror sets carry no CA. */
let publicCa: LabCa;
let mirror: LabRegistry;
let trap: UpstreamTrap;
let daemons: SharedDaemons;
let folder: string;

before(async () => {
  if (labSkipReason() !== undefined) return;
  publicCa = await createCa("public CA");
  folder = await mkdtemp(join(tmpdir(), "mirrorlet-forms-"));
  await writeFile(join(folder, "pool.pem"), publicCa.cert);
  trap = await startUpstreamTrap();
  mirror = await startRegistry({
    tls: await publicCa.issueServer(),
    auth: { kind: "basic", ...credential },
  });
  await writeFile(join(folder, "pull-secret.json"), dockerConfig(mirror.host, credential));
  daemons = shareDaemons({ upstreamTrap: trap, environment: { SSL_CERT_FILE: join(folder, "pool.pem") } });
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), mirror?.stop()]);
  if (folder !== undefined) await rm(folder, { recursive: true });
});

forEachGeneration("the three forms of one wish give the same pulls", async (generation) => {
  const daemon = await daemons.get(generation);
  const repository = `forms/${generation}`;
  const image = await pushImage(mirror, `team/${repository}`, "1.0", {
    platforms: ["linux/amd64", "linux/arm64"],
  });
  const references = [`gcr.io/${repository}:1.0`, `gcr.io/${repository}@${image.digest}`];
  const seen = new Map<string, readonly unknown[]>();
  for (const [name, write] of Object.entries(forms)) {
    const node = await prepareNode(daemon, {
      settings: { pull_secret: JSON.stringify(join(folder, "pull-secret.json")) },
    });
    await putMaterial(node, publicCa.cert, mirror.host, credential);
    const applied = await node.run("apply", await node.put(`${name}.yaml`, write(node)));
    assert.equal(applied.code, 0, applied.stdout + applied.stderr);
    seen.set(name, await pullShapes(daemon, references));
  }
  const [header, ...others] = seen.values();
  for (const requests of header as readonly (readonly string[])[]) {
    assert.equal(requests.length, 5, requests.join("\n")); // HEAD; index, manifest, config, layer
    for (const request of requests)
      assert.match(request, /^(HEAD|GET) \/v2\/team\/forms\/\S+ 200 gcr\.io true$/);
  }
  for (const other of others) assert.deepEqual(other, header);
  assert.deepEqual(trap.contacts(), []);
});

/** What the mirror saw of each pull; the parallel requests for blobs in a fixed order. */
async function pullShapes(daemon: LabContainerd, references: readonly string[]): Promise<readonly unknown[]> {
  const shapes: unknown[] = [];
  for (const reference of references) {
    mirror.clearRequests();
    const result = await daemon.pull(reference);
    assert.equal(result.ok, true, `${reference}: ${JSON.stringify(result)}`);
    await daemon.removeImage(reference);
    const requests = containerdRequests(mirror).map(
      ({ method, path, status, query, authorization: given }) =>
        `${method} ${path} ${status} ${query["ns"]} ${given === authorization(credential)}`,
    );
    shapes.push(requests.sort());
  }
  return shapes;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const forms: Readonly<Record<string, (node: LabNode) => string>> = {
  header: (node) => clusterHeader(node, `${mirror.url}/v2/team`),
  cluster: () => `apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: user, namespace: cluster-user}
spec:
  nodeConfig:
    registryMirrors:
      - endpoint: ${mirror.url}/v2/team
        caCertSecretRef: {name: mirror-ca, namespace: cluster-user}
        pullCredentialSecretRef: {name: mirror-login, namespace: cluster-user}
---
apiVersion: v1
kind: Secret
metadata: {name: mirror-ca, namespace: cluster-user}
data:
  ca.crt: ${base64(publicCa.cert)}
---
apiVersion: v1
kind: Secret
metadata: {name: mirror-login, namespace: cluster-user}
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: ${base64(dockerConfig(mirror.host, credential))}
`,
  "mirror sets": () => `apiVersion: config.openshift.io/v1
kind: ImageDigestMirrorSet
metadata: {name: digests}
spec:
  imageDigestMirrors:
    - source: gcr.io
      mirrors: ["${mirror.host}/team"]
---
apiVersion: config.openshift.io/v1
kind: ImageTagMirrorSet
metadata: {name: tags}
spec:
  imageTagMirrors:
    - source: gcr.io
      mirrors: ["${mirror.host}/team"]
`,
};

forEachGeneration(
  "a mirror with a token service gets its credential through config.toml, with one restart",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const privateCa = await createCa();
    const tokens = await startRegistry({
      tls: await privateCa.issueServer(),
      auth: { kind: "token", ...credential },
    });
    context.after(() => tokens.stop());
    const repository = `tokens/${generation}`;
    const image = await pushImage(tokens, `team/${repository}`, "1.0");
    const node = await prepareNode(daemon, { settings: { credentials: '"auto"' } });
    await putMaterial(node, privateCa.cert, tokens.host, credential);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    const pidBefore = await daemon.pid();
    const desired = (generation: number) =>
      native(
        [
          {
            endpoint: `${tokens.url}/v2/team`,
            hosts: ["gcr.io"],
            caCertPath: join(node.dir, "ca.crt"),
            pullCredentialConfigPath: join(node.dir, "config.json"),
          },
        ],
        { generation },
      );
    await agent.apply(desired(1));

    assert.equal(await agent.metric(restartsOk), 1);
    const pidAfter = await daemon.pid();
    assert.notEqual(pidAfter, pidBefore);
    const config = await readFile(daemon.configPath, "utf8");
    assert.match(config, new RegExp(`registry\\.configs\\."${tokens.host}"\\.auth\\]`));
    assert.doesNotMatch(await readFile(join(daemon.certsD, "gcr.io/hosts.toml"), "utf8"), /authorization/);

    trap.clearContacts();
    for (const reference of [`gcr.io/${repository}:1.0`, `gcr.io/${repository}@${image.digest}`]) {
      tokens.clearRequests();
      const result = await daemon.pull(reference);
      assert.equal(result.ok, true, JSON.stringify(result));
      const requests = pulled(tokens);
      assert.ok(requests.some((request) => / \/token 200$/.test(request)));
      const served = requests.filter((request) => / \/v2\/team\/tokens\/\S+ 200$/.test(request));
      assert.equal(served.length, 4, requests.join("\n"));
      await daemon.removeImage(reference);
    }
    assert.deepEqual(trap.contacts(), []);

    await agent.apply(desired(2));
    assert.equal(await agent.metric("mirrorlet_config_observed_generation"), 2);
    assert.deepEqual(
      [await daemon.pid(), await agent.metric(restartsOk)],
      [pidAfter, 1],
      "no needless restart",
    );
  },
);

const restartsOk = 'mirrorlet_containerd_restarts_total{reason="config",outcome="ok"}';

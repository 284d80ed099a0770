import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { after, before } from "node:test";
import { forEachGeneration } from "../support/containerd.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { prepareNode } from "./support/lab-node.ts";
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

let ca: LabCa;
let trap: UpstreamTrap;
let daemons: SharedDaemons;
let mirror: LabRegistry;
/** Has no image, answers 404. */
let empty: ScriptedRegistry;

before(async () => {
  if (labSkipReason() !== undefined) return;
  ca = await createCa();
  const tls = await ca.issueServer();
  trap = await startUpstreamTrap();
  daemons = shareDaemons({ upstreamTrap: trap });
  mirror = await startRegistry({ tls, auth: { kind: "basic", ...credential } });
  empty = await startScriptedRegistry({ closesOnGarbage: true });
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), mirror?.stop(), empty?.stop()]);
});

function clear(): void {
  for (const each of [mirror, empty]) each.clearRequests();
  trap.clearContacts();
}

forEachGeneration(
  "an endpoint with a namespace, a private CA and Basic credentials serves by tag and by digest",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await putMaterial(node, ca.cert, mirror.host, credential);
    const daemonPid = await daemon.pid();
    await agent.apply(clusterHeader(node, `${mirror.url}/v2/test-namespace`));

    for (const platforms of [["linux/amd64"], ["linux/amd64", "linux/arm64"]]) {
      const repository = `kubernetes-e2e-test-images/nautilus-${generation}-${platforms.length}`;
      const stored = `test-namespace/${repository}`;
      const image = await pushImage(mirror, stored, "1.0", { platforms, layers: 2 });
      for (const reference of [`gcr.io/${repository}:1.0`, `gcr.io/${repository}@${image.digest}`]) {
        clear();
        assert.deepEqual(await okOf(daemon.pull(reference)), true, reference);
        const objects = platforms.length + 3; // index when there are several, manifest; config, two layers
        const wanted = reference.endsWith(":1.0") ? "1.0" : image.digest;
        const [head, ...gets] = pulled(mirror);
        assert.equal(head, `HEAD /v2/${stored}/manifests/${wanted} 200`);
        assert.equal(gets.length, objects, gets.join("\n"));
        for (const get of gets) assert.match(get, new RegExp(`^GET /v2/${stored}/\\S+ 200$`));
        for (const { query, authorization: given } of containerdRequests(mirror))
          assert.deepEqual([query["ns"], given], ["gcr.io", authorization(credential)]);
        assert.deepEqual(trap.contacts(), []);
        await daemon.removeImage(reference);
      }
    }
    assert.equal(await daemon.pid(), daemonPid, "certs.d is read at every pull: no restart");
    assert.equal(await agent.stop(), 0);
  },
);

forEachGeneration(
  "two mirrors in order: the second serves what the first cannot",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await putMaterial(node, ca.cert, mirror.host, credential);
    const first = await startScriptedRegistry({ closesOnGarbage: true });
    context.after(() => first.stop());
    first.script({ does: { kind: "reset" } });
    const hosts = ["gcr.io"];
    const second = {
      endpoint: `${mirror.url}/v2/second`,
      hosts,
      caCertPath: `${node.dir}/ca.crt`,
      pullCredentialConfigPath: `${node.dir}/config.json`,
    };
    await agent.apply(native([{ endpoint: first.url, hosts }, second]));

    clear();
    await pushImage(mirror, `second/order/${generation}`, "1.0");
    assert.equal(await okOf(daemon.pull(`gcr.io/order/${generation}:1.0`)), true);
    const asked = containerdRequests(first);
    const served = containerdRequests(mirror);
    assert.equal(served.length, 4, pulled(mirror).join("\n"));
    assert.ok(served.every(({ status }) => status === 200));
    assert.equal(asked[0]?.method, "HEAD");
    // Before each object that the second served, the first was asked for it.
    for (const request of served) {
      const object = request.path.replace("/v2/second/", "/v2/");
      assert.ok(
        asked.some(
          ({ method, path, atMs }) =>
            [method, path].join() === [request.method, object].join() && atMs < request.atMs,
        ),
        `${request.method} ${object} was not asked of the first mirror before the second`,
      );
    }
    assert.deepEqual(trap.contacts(), []);

    await first.stop();
    clear();
    await pushImage(mirror, `second/order/${generation}`, "2.0");
    assert.equal(await okOf(daemon.pull(`gcr.io/order/${generation}:2.0`)), true);
    assert.equal(pulled(mirror).length, 4);
    assert.deepEqual(trap.contacts(), []);

    clear();
    await pushImage(mirror, `second/order/${generation}`, "3.0");
    await agent.apply(native([second, { endpoint: empty.url, hosts }]));
    assert.equal(await okOf(daemon.pull(`gcr.io/order/${generation}:3.0`)), true);
    assert.deepEqual(pulled(empty), [], "the order of the desired state is the order of trial");
  },
);

forEachGeneration(
  "upstream never: what the mirror lacks is asked of nobody else",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    const contactsOf = async (image: string): Promise<readonly string[]> => {
      clear();
      const result = await daemon.pull(image);
      assert.equal(result.ok, false);
      assert.notDeepEqual(pulled(empty), [], "the mirror was asked");
      return trap.contacts().map(({ target }) => target);
    };
    const named = [{ endpoint: empty.url, hosts: ["gcr.io"] }];
    await agent.apply(native(named, { generation: 1 }));
    assert.ok(
      (await contactsOf("gcr.io/absent/app:1.0")).includes("gcr.io:443"),
      "the trap sees an upstream",
    );

    await agent.apply(native(named, { generation: 2, upstream: { "gcr.io": "never" } }));
    assert.deepEqual(await contactsOf("gcr.io/absent/app:1.0"), []);
    assert.deepEqual(await contactsOf(`gcr.io/absent/app@sha256:${"0".repeat(64)}`), []);

    const all = [{ endpoint: empty.url, hosts: ["gcr.io", "*"] }];
    await agent.apply(native(all, { generation: 3, upstream: { "*": "never" } }));
    for (const image of ["gcr.io/absent/app:1.0", "quay.io/absent/app:1.0", "docker.io/absent/app:1.0"])
      assert.deepEqual(await contactsOf(image), [], image);

    const gone = await startScriptedRegistry();
    await agent.apply(
      native([{ endpoint: gone.url, hosts: ["gcr.io"] }], { generation: 4, upstream: { "gcr.io": "never" } }),
    );
    await gone.stop();
    clear();
    assert.equal(await okOf(daemon.pull("gcr.io/absent/app:1.0")), false);
    assert.deepEqual(trap.contacts(), [], "a dead mirror does not open the upstream");
  },
);

forEachGeneration(
  "a rotated credential and a rotated CA take effect with no restart",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const rotated = await startRegistry({
      tls: await ca.issueServer(),
      auth: { kind: "basic", ...credential },
    });
    context.after(() => rotated.stop());
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await putMaterial(node, ca.cert, rotated.host, credential);
    await agent.apply(clusterHeader(node, rotated.url));
    const daemonPid = await daemon.pid();
    const desiredBefore = await stat(node.desiredState, { bigint: true });
    const pull = async (tag: string): Promise<boolean> => {
      await pushImage(rotated, "rotate/app", tag);
      return okOf(daemon.pull(`gcr.io/rotate/app:${tag}`));
    };
    assert.equal(await pull("first"), true);

    const next = { username: "puller", password: "second" };
    await rotated.setCredential(next.username, next.password);
    assert.equal(await pull("refused"), false);
    await agent.applying(() => node.put("config.json", dockerConfig(rotated.host, next)));
    assert.equal(await pull("credential"), true);

    const nextCa = await createCa("next lab CA");
    rotated.setTls(await nextCa.issueServer());
    assert.equal(await pull("untrusted"), false);
    await agent.applying(() => node.put("ca.crt", nextCa.cert));
    assert.equal(await pull("ca"), true);

    const desiredAfter = await stat(node.desiredState, { bigint: true });
    assert.deepEqual(
      [desiredAfter.ino, desiredAfter.mtimeNs, await daemon.pid()],
      [desiredBefore.ino, desiredBefore.mtimeNs, daemonPid],
    );
  },
);

forEachGeneration(
  "client certificates, a password file and two CAs in one registry; docker.io by its short names",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const otherCa = await createCa("other lab CA");
    const clientCa = await createCa("client CA");
    const client = await clientCa.issueClient("node");
    const guarded = await startRegistry({
      tls: { ...(await otherCa.issueServer()), clientCa: clientCa.cert },
      auth: { kind: "basic", username: "guard", password: "spaces are fine " },
    });
    context.after(() => guarded.stop());
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await putMaterial(node, ca.cert, mirror.host, credential);
    const hosts = ["docker.io", "*"];
    const first = {
      endpoint: `${guarded.url}/v2/hub`,
      hosts,
      caCertPath: await node.put("other-ca.crt", otherCa.cert),
      clientCertPath: await node.put("client.crt", client.cert),
      clientKeyPath: await node.put("client.key", client.key),
      pullCredential: {
        username: "guard",
        passwordFile: await node.put("password", "spaces are fine \n"),
      },
    };
    const second = {
      endpoint: mirror.url,
      hosts,
      caCertPath: `${node.dir}/ca.crt`,
      pullCredentialConfigPath: `${node.dir}/config.json`,
    };
    await agent.apply(native([first, second], { upstream: { "*": "never", "docker.io": "never" } }));

    await pushImage(guarded, `hub/library/short-${generation}`, "latest");
    await pushImage(guarded, `hub/team/default-${generation}`, "1.0");
    await pushImage(mirror, `team/only-second-${generation}`, "1.0");
    for (const [reference, server] of [
      [`short-${generation}`, guarded],
      [`quay.io/team/default-${generation}:1.0`, guarded],
      [`registry.example:5000/team/only-second-${generation}:1.0`, mirror],
    ] as const) {
      clear();
      guarded.clearRequests();
      const result = await daemon.pull(reference);
      assert.equal(result.ok, true, `${reference}: ${JSON.stringify(result)}`);
      assert.equal(pulled(server).filter((request) => request.endsWith(" 200")).length, 4, reference);
      assert.deepEqual(trap.contacts(), []);
      await daemon.removeImage(reference);
    }

    const nextClient = await clientCa.issueClient("node, renewed");
    const daemonPid = await daemon.pid();
    await agent.applying(async () => {
      await node.put("client.key", nextClient.key);
      await node.put("client.crt", nextClient.cert);
    });
    assert.equal((await daemon.pull(`short-${generation}`)).ok, true, "a renewed client certificate");
    assert.equal(await daemon.pid(), daemonPid);
  },
);

async function okOf(pull: Promise<{ readonly ok: boolean; readonly message?: string }>): Promise<boolean> {
  return (await pull).ok;
}

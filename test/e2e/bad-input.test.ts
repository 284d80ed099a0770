import assert from "node:assert/strict";
import { after, before } from "node:test";
import { forEachGeneration } from "../support/containerd.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { prepareNode } from "./support/lab-node.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { clusterHeader, credential, dockerConfig, native, pulled, putMaterial } from "./support/site.ts";
import { snapshot } from "./support/snapshot.ts";

let ca: LabCa;
let mirror: LabRegistry;
let trap: UpstreamTrap;
let daemons: SharedDaemons;

before(async () => {
  if (labSkipReason() !== undefined) return;
  ca = await createCa();
  trap = await startUpstreamTrap();
  mirror = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...credential } });
  daemons = shareDaemons({ upstreamTrap: trap });
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), mirror?.stop()]);
});

forEachGeneration(
  "a bad desired state changes nothing: the last good one keeps serving, and /readyz says why",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await putMaterial(node, ca.cert, mirror.host, credential);
    const good = clusterHeader(node, mirror.url, ["quay.io", "docker.io"]);
    await agent.apply(good);
    const untouched = await snapshot(daemon.etc);
    const daemonPid = await daemon.pid();
    const intact = async (name: string): Promise<void> => {
      assert.deepEqual(await snapshot(daemon.etc), untouched, name);
      assert.equal(await daemon.pid(), daemonPid, name);
    };

    const one = (entry: object): string => native([{ endpoint: mirror.url, hosts: ["gcr.io"], ...entry }]);
    const bad: Readonly<Record<string, readonly [string | Uint8Array, RegExp]>> = {
      empty: ["", /Stalled: .*desired-state\.yaml:1:1: /],
      "blank with a comment": ["\n# nothing\n", /Stalled: .*desired-state\.yaml:/],
      truncated: [
        good.slice(0, good.indexOf("pullCredential") + 10),
        /Stalled: .*desired-state\.yaml:\d+:\d+: /,
      ],
      "5 MiB": [`# ${"x".repeat(5 * 2 ** 20)}\n${good}`, /larger than 4 MiB.*file-too-large/],
      NUL: [good.replace("quay.io", "qu\0ay.io"), /Stalled: .*desired-state\.yaml:/],
      "not UTF-8": [
        Buffer.concat([Buffer.from(good), Buffer.from([0xff, 0xfe])]),
        /Stalled: .*desired-state\.yaml/,
      ],
      "deeply nested": ["[".repeat(100_000), /Stalled: .*desired-state\.yaml:/],
      traversal: [
        one({ hosts: ["gcr.io", "../../etc"] }),
        /Stalled: .*desired-state\.yaml:\d+:\d+: .*\.\.\/\.\.\/etc/,
      ],
      "a path in a host": [one({ hosts: ["gcr.io/google"] }), /gcr\.io\/google/],
      "CRLF in an endpoint": [
        one({ endpoint: `${mirror.url}\r\nX-Evil: 1` }),
        /Stalled: .*desired-state\.yaml:\d+:\d+: /,
      ],
      "a wrong endpoint path": [one({ endpoint: `${mirror.url}/v2` }), /desired-state\.yaml:\d+:\d+: .*v2/],
      __proto__: ['{"apiVersion":"mirrorlet/v1","kind":"RegistryMirrors","__proto__":{}}', /__proto__/],
      "a duplicate key": [
        good.replace("    hosts:", "    hosts: [ghcr.io]\n    hosts:"),
        /desired-state\.yaml:\d+:\d+: .*hosts/,
      ],
      "a CA that is not there": [one({ caCertPath: "/nonexistent/ca.crt" }), /\/nonexistent\/ca\.crt/],
      "every mirror removed": [one({ hosts: ["ghcr.io"] }), /allowMassRemoval/],
    };
    for (const [name, [text, reason]] of Object.entries(bad)) {
      await agent.reject(text, reason).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
      await intact(name);
      assert.equal(await agent.metric('mirrorlet_condition{type="Stalled"}'), 1, name);
    }

    // A CRLF in the credential would be a header of somebody else's choice.
    await agent.applying(() =>
      node.put("desired-state.yaml", good.replace("[quay.io, docker.io]", "[quay.io, docker.io, ghcr.io]")),
    );
    const more = await snapshot(daemon.etc);
    const evil = { username: "puller", password: "x\r\nX-Evil: 1" };
    await node.put("config.json", dockerConfig(mirror.host, evil));
    await agent.until("the credential is refused", async () => {
      const { status, text } = await agent.readyz();
      return status === 503 && /config\.json|pullCredentialConfigPath|credential/.test(text);
    });
    const refusal = await agent.readyz();
    assert.doesNotMatch(refusal.text + agent.log(), /X-Evil/, "no part of a secret in what is told");
    assert.deepEqual(await snapshot(daemon.etc), more);

    mirror.clearRequests();
    trap.clearContacts();
    await pushImage(mirror, `bad/${generation}`, "1.0");
    assert.equal((await daemon.pull(`gcr.io/bad/${generation}:1.0`)).ok, true);
    assert.equal(pulled(mirror).length, 4);
    assert.deepEqual(trap.contacts(), []);
    assert.equal(await daemon.pid(), daemonPid);
  },
);

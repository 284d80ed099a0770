import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { forEachGeneration, type LabContainerd } from "../support/containerd.ts";
import { type LabNode, prepareNode } from "./support/lab-node.ts";
import { runMirrorlet } from "./support/mirrorlet.ts";
import { shareMirror } from "./support/shared-mirror.ts";
import { native, pulled } from "./support/site.ts";

const site = shareMirror();

/** Who signs, in the folder of the node: what matters is what reaches its desired_state. */
function signers(node: LabNode) {
  const fleet = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMirrorlet(["fleet", ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const keyOf = (name: string): string => join(node.dir, `${name}.key`);
  return {
    create: async (name: string): Promise<string> => (await fleet("keygen", "--out", keyOf(name))).trim(),
    /** Sends gcr.io to a namespace of its own. */
    async sign(name: string, serial: number, ...more: readonly string[]): Promise<string> {
      const endpoint = `${site.mirror.url}/v2/serial-${serial}`;
      const state = await node.put(`${serial}.json`, native([{ endpoint, hosts: ["gcr.io"] }]));
      const options = ["--key", keyOf(name), "--serial", `${serial}`, "--fleet", "prod", ...more];
      return fleet("sign", state, ...options);
    },
    async again(name: string, document: string): Promise<string> {
      const path = await node.put("half.signed.json", document);
      return fleet("sign", path, "--key", keyOf(name));
    },
  };
}

async function askedNamespace(daemon: LabContainerd): Promise<string | undefined> {
  site.mirror.clearRequests();
  await daemon.pull("gcr.io/absent/app:1.0");
  return /\/v2\/(serial-\d+)\//.exec(pulled(site.mirror)[0] ?? "")?.[1];
}

forEachGeneration(
  "signed by two of three: pulls follow the newest, and nothing that is forged, replayed or meant for others",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, {
      desiredState: "state.signed.json",
      settings: {
        "trust.threshold": "2",
        "node.fleet": '"prod"',
        "node.id": '"n1"',
        "node.labels": '["class=gpu"]',
      },
    });
    const { create, sign, again } = signers(node);
    const inline = [await create("anna"), await create("carl")];
    await create("ben");
    await create("eve");
    const trusted = await node.put("trusted.pub", await readFile(join(node.dir, "ben.key.pub")));
    const toml = await readFile(node.agentToml, "utf8");
    await writeFile(node.agentToml, `trust.keys = ${JSON.stringify([...inline, trusted])}\n${toml}`);
    const agent = await node.startAgent();
    context.after(() => agent.stop());

    const twelve = await sign("anna", 12, "--floor-serial", "10", "--label", "class=gpu");
    await agent.reject(twelve, /1 of the 2 signatures that are needed.*signature-insufficient/);
    await agent.apply(await again("ben", twelve));
    assert.equal(await askedNamespace(daemon), "serial-12");
    assert.equal(await agent.metric("mirrorlet_config_serial"), 12);
    assert.equal(await agent.metric("mirrorlet_config_floor_serial"), 10);
    const inDays =
      ((await agent.metric("mirrorlet_config_expires_timestamp_seconds")) * 1000 - Date.now()) / 86_400_000;
    assert.ok(inDays > 89 && inDays < 91, `${inDays} days`);
    const status = JSON.parse(await (await fetch(`http://${agent.address}/status.json`)).text());
    assert.deepEqual([status.config.signed.serial, status.config.signed.keyIds.length], [12, 2]);

    const eves = await again("eve", await sign("anna", 13));
    await agent.reject(eves, /by keys that are not trusted: [0-9a-f]{16}; trusted are/);
    const both = async (serial: number, ...more: readonly string[]) =>
      again("ben", await sign("anna", serial, ...more));
    await agent.reject(await both(9), /serial 9 is below 10.*signed-serial/);
    await agent.reject(await both(13, "--nodes", "n2"), /signed-audience/);
    await agent.reject(await both(13, "--channel", "canary"), /signed-channel/);
    await agent.reject(await both(13, "--not-before", "1h"), /signed-not-before/);
    await agent.reject(
      native([{ endpoint: site.mirror.url, hosts: ["gcr.io"] }]),
      /nobody has signed it.*unsigned/,
    );
    assert.equal(await askedNamespace(daemon), "serial-12", "the last good stands");
    await agent.apply(await both(11));
    assert.equal(await askedNamespace(daemon), "serial-11", "a revert above the floor");

    // Another key in the file, and no restart.
    const eve = await again("eve", await sign("anna", 14));
    await agent.reject(eve, /not trusted/);
    await agent.applying(async () => node.put("trusted.pub", await readFile(join(node.dir, "eve.key.pub"))));
    assert.equal(await askedNamespace(daemon), "serial-14");

    // What a person does goes the same way.
    await agent.stop();
    const old = await node.put("old.signed.json", await both(9));
    const replay = await node.run("apply", old);
    assert.deepEqual(
      [replay.code, /signature-insufficient/.test(replay.stderr)],
      [65, true],
      "ben is not trusted any more",
    );
    const nine = await node.put("nine.signed.json", await again("carl", await sign("anna", 9)));
    for (const command of ["apply", "plan"]) {
      const end = await node.run(command, nine);
      assert.deepEqual([end.code, /\(signed-serial\)/.test(end.stderr)], [65, true], end.stderr);
    }
    const thirteen = await node.put("13.signed.json", await again("carl", await sign("anna", 13)));
    const checked = await node.run("validate", thirteen);
    assert.match(
      checked.stderr,
      /valid, 1 registry; serial 13 of prod\/stable, signed by [0-9a-f]{16}, [0-9a-f]{16}, until /,
    );
    const rendered = await node.run("render", "--out", join(node.dir, "tree"), thirteen);
    assert.equal(rendered.code, 0, rendered.stderr);
    assert.equal((await node.run("apply", thirteen)).code, 0);
    assert.equal(await askedNamespace(daemon), "serial-13");
    const quiet = await node.run("status");
    assert.match(quiet.stdout, /Serial 13 of prod\/stable, signed by/);
  },
);

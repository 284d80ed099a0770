import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { forEachGeneration, type LabContainerd } from "../support/containerd.ts";
import { defaultConfig } from "../support/containerd-config.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { prepareNode } from "./support/lab-node.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { native, pulled } from "./support/site.ts";
import { snapshot } from "./support/snapshot.ts";

let ca: LabCa;
let mirror: LabRegistry;
let daemons: SharedDaemons;

before(async () => {
  if (labSkipReason() !== undefined) return;
  ca = await createCa();
  mirror = await startRegistry({ tls: await ca.issueServer() });
  daemons = shareDaemons({});
});

after(async () => {
  await daemons?.stop();
  await mirror?.stop();
});

forEachGeneration(
  "removing a registry removes its files and nothing else; the operator's files survive everything",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const original = `# the operator's\n${withoutConfigPath(defaultConfig(generation, daemon))}`;
    assert.doesNotMatch(original, /config_path/);
    const node = await prepareNode(daemon, { containerdConfig: original });
    await node.put("ca.crt", ca.cert);
    await writeOperatorFiles(daemon);
    const operator = join(daemon.certsD, "registry.example_5000_");
    const untouched = await snapshot(operator);
    const intact = async (after: string): Promise<void> =>
      assert.deepEqual(await snapshot(operator), untouched, after);

    const agent = await node.startAgent();
    context.after(() => agent.stop());
    const entry = { caCertPath: join(node.dir, "ca.crt") };
    const wish = (generation: number, hosts: readonly string[], endpoint = mirror.url) =>
      native([{ ...entry, endpoint, hosts }], { generation });
    await agent.apply(wish(1, ["gcr.io", "quay.io"]));
    assert.match(await readFile(daemon.configPath, "utf8"), /config_path/);
    await intact("create");
    assert.deepEqual(await registries(daemon), [
      "gcr.io",
      "operator.txt",
      "quay.io",
      "registry.example_5000_",
    ]);
    await pushImage(mirror, `own/${generation}`, "1.0");
    assert.equal((await daemon.pull(`quay.io/own/${generation}:1.0`)).ok, true);
    await daemon.removeImage(`quay.io/own/${generation}:1.0`);

    await agent.apply(wish(2, ["gcr.io", "quay.io"], `${mirror.url}/v2/other`));
    await intact("change");
    const { [join(daemon.certsD, "quay.io")]: _directory, ...kept } = await snapshot(daemon.certsD);
    await agent.apply(wish(3, ["gcr.io"], `${mirror.url}/v2/other`));
    await intact("remove");
    const expected = Object.entries(kept).filter(
      ([path]) => !path.startsWith(join(daemon.certsD, "quay.io/")),
    );
    assert.deepEqual(await snapshot(daemon.certsD), Object.fromEntries(expected), "nothing else is touched");

    // In one step: the agent repairs faster than a directory is emptied file by file.
    await rename(join(daemon.certsD, "gcr.io"), join(node.dir, "gcr.io"));
    await agent.until(
      "drift is repaired",
      async () => (await agent.metric("mirrorlet_drift_repairs_total")) > 0,
    );
    assert.ok(existsSync(join(daemon.certsD, "gcr.io/hosts.toml")));
    await intact("drift repair");

    mirror.clearRequests();
    assert.equal((await daemon.pull(`registry.example:5000/own/${generation}:1.0`)).ok, true);
    assert.equal(pulled(mirror).length, 4, "the operator's hosts.toml is in use");

    assert.equal(await agent.stop(), 0);
    const restored = await node.run("restore");
    assert.equal(restored.code, 0, restored.stderr);
    await intact("restore");
    assert.deepEqual(await registries(daemon), ["operator.txt", "registry.example_5000_"]);
    assert.equal(await readFile(daemon.configPath, "utf8"), original);
  },
);

forEachGeneration(
  "a hosts.toml of the operator where one of ours is wanted stays, until adopted; restore gives it back",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    await node.put("ca.crt", ca.cert);
    const path = join(daemon.certsD, "gcr.io/hosts.toml");
    const own = `# by hand\nserver = "https://gcr.io"\n[host."https://127.0.0.1:1"]\n`;
    await mkdir(join(daemon.certsD, "gcr.io"));
    await writeFile(path, own);
    const desired = native(
      [{ endpoint: mirror.url, hosts: ["gcr.io", "quay.io"], caCertPath: join(node.dir, "ca.crt") }],
      { generation: 1 },
    );
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.reject(desired, /Stalled: gcr\.io: \S+hosts\.toml .*--adopt/);
    assert.equal(await readFile(path, "utf8"), own);
    assert.ok(existsSync(join(daemon.certsD, "quay.io/hosts.toml")), "the others are served all the same");
    assert.equal(await agent.stop(), 0);

    const adopted = await node.run("apply", "--adopt", node.desiredState);
    assert.equal(adopted.code, 0, adopted.stdout + adopted.stderr);
    await pushImage(mirror, `adopt/${generation}`, "1.0");
    assert.equal((await daemon.pull(`gcr.io/adopt/${generation}:1.0`)).ok, true);
    assert.equal((await node.run("restore")).code, 0);
    assert.equal(await readFile(path, "utf8"), own);
    assert.deepEqual(await registries(daemon), ["gcr.io"]);
  },
);

async function registries(daemon: LabContainerd): Promise<readonly string[]> {
  return (await readdir(daemon.certsD)).sort();
}

/** A directory of the operator's with files of its own, in use, and a stray file. */
async function writeOperatorFiles(daemon: LabContainerd): Promise<void> {
  const directory = join(daemon.certsD, "registry.example_5000_");
  await mkdir(directory, { mode: 0o750 });
  await writeFile(join(directory, "site-ca.crt"), ca.cert, { mode: 0o640 });
  await writeFile(
    join(directory, "hosts.toml"),
    `# by hand\r\nserver = "${mirror.url}"\r\nca = "site-ca.crt"\r\n[host]\r\n`,
  );
  await writeFile(join(daemon.certsD, "operator.txt"), "a note");
}

function withoutConfigPath(config: string): string {
  return config.replace(/^\[[^\n]*\.registry\]\n.*config_path.*\n/m, "");
}

import assert from "node:assert/strict";
import { appendFile, chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { forEachGeneration } from "../support/containerd.ts";
import { createCa } from "../support/tls.ts";
import { prepareNode } from "./support/lab-node.ts";
import { shareMirror } from "./support/shared-mirror.ts";
import { native, pulled } from "./support/site.ts";

const site = shareMirror();

const repairs = "mirrorlet_drift_repairs_total";
const restartsOk = 'mirrorlet_containerd_restarts_total{reason="config",outcome="ok"}';

forEachGeneration(
  "what others do to our files is put right, counted and told",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon);
    const ca = await node.put("ca.crt", (await createCa()).cert);
    const hosts = ["gcr.io", "quay.io", "docker.io", "ghcr.io"];
    const tls = { endpoint: "https://127.0.0.1:1", hosts: ["ghcr.io"], caCertPath: ca };
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(native([{ endpoint: site.mirror.url, hosts }, tls], { generation: 1 }));
    const fileOf = (registry: string): string => join(daemon.certsD, registry, "hosts.toml");
    const good = new Map<string, string>();
    for (const registry of hosts) good.set(registry, await readFile(fileOf(registry), "utf8"));
    const pem = /ca = "([^"]+)"/.exec(good.get("ghcr.io") ?? "")?.[1] ?? "";
    const daemonPid = await daemon.pid();

    const changes: Readonly<Record<string, () => Promise<unknown>>> = {
      "edited by hand": () => appendFile(fileOf("gcr.io"), '[host."http://127.0.0.1:1"]\n'),
      deleted: () => rm(fileOf("quay.io")),
      "directory moved away": () => rename(join(daemon.certsD, "docker.io"), join(node.dir, "taken")),
      "replaced by a rename": async () => {
        await writeFile(`${fileOf("gcr.io")}.sed`, `${good.get("gcr.io")}# sed\n`);
        await rename(`${fileOf("gcr.io")}.sed`, fileOf("gcr.io"));
      },
      "a certificate deleted": () => rm(join(daemon.certsD, "ghcr.io", pem)),
      "a mode changed": () => chmod(fileOf("quay.io"), 0o600),
    };
    let count = 0;
    for (const [name, change] of Object.entries(changes)) {
      await change();
      await agent.until(`${name} is repaired`, async () => (await agent.metric(repairs)) > count);
      count = await agent.metric(repairs);
      for (const [registry, text] of good) assert.equal(await readFile(fileOf(registry), "utf8"), text, name);
      assert.ok((await readFile(join(daemon.certsD, "ghcr.io", pem))).length > 0, name);
      assert.equal((await agent.readyz()).status, 200, name);
    }
    // The directory held two files: its hosts.toml, and the witness' certificate.
    assert.equal(count, Object.keys(changes).length + 1, "one changed file is one repair");
    assert.match(agent.log(), /changed by somebody else and put right/);
    assert.match(agent.log(), /-\[host\.\\"http:\/\/127\.0\.0\.1:1\\"\]/, "with the diff");
    assert.deepEqual([await daemon.pid(), await agent.metric(restartsOk)], [daemonPid, 0]);
  },
);

forEachGeneration(
  "config_path removed by another tool is put back with one restart",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(native([{ endpoint: site.mirror.url, hosts: ["gcr.io"] }], { generation: 1 }));
    const before = await readFile(daemon.configPath, "utf8");
    const removed = before.replace(/^.*config_path.*\n/m, "# rewritten by another tool\n");
    assert.notEqual(removed, before);
    const pidBefore = await daemon.pid();
    await writeFile(`${daemon.configPath}.tool`, removed);
    await rename(`${daemon.configPath}.tool`, daemon.configPath);
    await agent.until("config.toml is repaired", async () => (await agent.metric(repairs)) === 1);
    await agent.until("it is ready", async () => (await agent.readyz()).status === 200);

    const after = await readFile(daemon.configPath, "utf8");
    assert.match(after, new RegExp(`config_path = ["']${daemon.certsD}["']`));
    assert.match(after, /# rewritten by another tool/, "their change is kept");
    assert.notEqual(await daemon.pid(), pidBefore);
    assert.equal(await agent.metric(restartsOk), 1);
    site.mirror.clearRequests();
    await daemon.pull("gcr.io/absent/app:1.0");
    assert.notDeepEqual(pulled(site.mirror), []);
  },
);

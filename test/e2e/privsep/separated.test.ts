import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { forEachGeneration } from "../../support/containerd.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { shareMirror } from "../support/shared-mirror.ts";
import { native, pulled } from "../support/site.ts";
import { agentUser, prepareSeparatedNode } from "./separated-node.ts";

const site = shareMirror();

forEachGeneration(
  "an agent without root puts a node on its mirrors, and restore takes it off",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    // Without config_path, so that config.toml has to change.
    const start = `# of the site\n${defaultConfig(generation, daemon).replace(/^.*config_path.*$/gm, "")}`;
    const node = await prepareSeparatedNode(daemon, { containerdConfig: start });
    const closed = await stat(daemon.certsD);
    const helper = await node.startHelper();
    context.after(() => helper.stop());
    const agent = await node.startSeparatedAgent();
    context.after(() => agent.stop());

    await agent.apply(native([{ endpoint: site.mirror.url, hosts: ["gcr.io"] }], { generation: 1 }));

    assert.match(await readFile(daemon.configPath, "utf8"), /config_path = /);
    const certs = await stat(daemon.certsD);
    assert.deepEqual([certs.uid, certs.gid, certs.mode & 0o7777], [0, agentUser.gid, 0o1775]);
    const hosts = await stat(join(daemon.certsD, "gcr.io/hosts.toml"));
    assert.equal(hosts.uid, agentUser.uid);
    await daemon.pull("gcr.io/a/b:1");
    assert.notEqual(pulled(site.mirror).length, 0, "the mirror was asked");

    const before = await readFile(daemon.configPath, "utf8");
    await agent.apply(
      native([{ endpoint: site.mirror.url, hosts: ["gcr.io", "quay.io"] }], { generation: 2 }),
    );
    assert.equal(await readFile(daemon.configPath, "utf8"), before);

    await agent.stop();
    await helper.stop();
    const end = await node.run("restore");
    assert.equal(end.code, 0, end.stderr);
    assert.equal(await readFile(daemon.configPath, "utf8"), start);
    const again = await stat(daemon.certsD);
    assert.deepEqual([again.uid, again.gid, again.mode], [closed.uid, closed.gid, closed.mode]);
  },
);

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forEachGeneration } from "../../support/containerd.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { buildImage } from "../../support/image.ts";
import { shareOf } from "../../support/sweep.ts";
import { shareMirror } from "../support/shared-mirror.ts";
import { native } from "../support/site.ts";
import { prepareSeparatedNode } from "./separated-node.ts";

const site = shareMirror();

const toGcr = (more: object = {}) =>
  native([{ endpoint: site.mirror.url, hosts: ["gcr.io"] }], { generation: 1, ...more });

forEachGeneration(
  "a containerd that does not come up is rolled back by way of the helper",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const start = defaultConfig(generation, daemon).replace(/^.*config_path.*$/gm, "");
    // A restart that fails as long as config.toml names a config_path.
    const node = await prepareSeparatedNode(daemon, { containerdConfig: start });
    const picky = join(node.dir, "picky-restart");
    writeFileSync(
      picky,
      `#!/bin/sh\nif grep -q certs.d ${daemon.configPath}; then echo no such luck >&2; exit 1; fi\nexec ${daemon.restartCommand[0]}\n`,
      { mode: 0o755 },
    );
    const text = await readFile(node.agentToml, "utf8");
    writeFileSync(node.agentToml, text.replace(/^restart = .*$/m, `restart = [${JSON.stringify(picky)}]`));
    const helper = await node.startHelper();
    context.after(() => helper.stop());
    const agent = await node.startSeparatedAgent();
    context.after(() => agent.stop());
    await agent.reject(toGcr(), /no such luck/);
    assert.equal(await readFile(daemon.configPath, "utf8"), start);
    await agent.until("certs.d is taken back", async () => {
      return stat(join(daemon.certsD, "gcr.io")).then(
        () => false,
        () => true,
      );
    });
  },
);

forEachGeneration(
  "canaries and image events come through the helper, and a canary leaves nothing behind",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    site.mirror.put("team/canary", "1", buildImage({ layers: 1 }));
    site.mirror.put("team/other", "1", buildImage({ layers: 1 }));
    const node = await prepareSeparatedNode(daemon);
    const helper = await node.startHelper();
    context.after(() => helper.stop());
    const agent = await node.startSeparatedAgent();
    context.after(() => agent.stop());
    await agent.apply(toGcr({ canaries: ["gcr.io/team/canary:1"] }));
    const status = async (): Promise<string> => (await fetch(`http://${agent.address}/status.json`)).text();
    await agent.until("the canary was pulled", async () => /team\/canary/.test(await status()));
    const ctr = join(daemon.binary, "../ctr");
    const list = (): string =>
      execFileSync(ctr, ["--address", daemon.socket, "-n", "k8s.io", "images", "ls", "-q"], {
        encoding: "utf8",
      });
    await agent.until("the canary is gone again", async () => !list().includes("team/canary"));
    await daemon.pull("gcr.io/team/other:1");
    await agent.until("a pull of others was seen", async () => /team\/other/.test(await status()));
  },
);

forEachGeneration(
  "killed again and again, the helper and the agent by turns: the node converges",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const start = defaultConfig(generation, daemon).replace(/^.*config_path.*$/gm, "");
    const rounds = shareOf([0, 1, 2, 3], generation);
    for (const round of rounds) {
      const node = await prepareSeparatedNode(daemon, { containerdConfig: start });
      const helper = await node.startHelper();
      context.after(() => helper.stop());
      const first = await node.startSeparatedAgent();
      context.after(() => first.stop());
      await node.put("desired-state.yaml", toGcr());
      await sleep(round * 60);
      await helper.kill();
      if (round % 2 === 1) await first.kill();
      const agent = round % 2 === 1 ? await node.startSeparatedAgent() : first;
      context.after(() => agent.stop());
      await agent.until(
        "it is ready",
        async () =>
          (await agent.readyz()).status === 200 &&
          (await readFile(daemon.configPath, "utf8")).includes("config_path"),
        60,
      );
      assert.match(await readFile(join(daemon.certsD, "gcr.io/hosts.toml"), "utf8"), /\[host/);
      await agent.stop();
      await helper.stop();
      assert.equal((await node.run("restore")).code, 0);
      assert.equal(await readFile(daemon.configPath, "utf8"), start);
    }
    context.diagnostic(`${rounds.length} rounds`);
  },
);

forEachGeneration(
  "without its helper the agent says so, goes on where nothing needs root, and takes it up later",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const start = defaultConfig(generation, daemon).replace(/^.*config_path.*$/gm, "");
    const node = await prepareSeparatedNode(daemon, { containerdConfig: start });
    const agent = await node.startSeparatedAgent();
    context.after(() => agent.stop());
    await node.put("desired-state.yaml", toGcr());
    // Root's file, which the agent may not read itself.
    execFileSync("chmod", ["0644", node.desiredState]);
    await agent.until("it names the helper", async () =>
      /root helper at .* cannot be reached/.test((await agent.readyz()).text),
    );
    assert.match((await agent.readyz()).text, /pulls are unaffected/);
    const helper = await node.startHelper();
    context.after(() => helper.stop());
    await agent.until("it is ready", async () => (await agent.readyz()).status === 200, 60);
  },
);

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { type ConfigFixture, configFixtures, readConfigFixture } from "../support/config-fixtures.ts";
import {
  forEachGeneration,
  type Generation,
  generations,
  type LabContainerd,
} from "../support/containerd.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { shareOf } from "../support/sweep.ts";
import { createCa } from "../support/tls.ts";
import { prepareNode } from "./support/lab-node.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { native, pulled } from "./support/site.ts";

let mirror: LabRegistry;
let daemons: SharedDaemons;

before(async () => {
  if (labSkipReason() !== undefined) return;
  mirror = await startRegistry();
  daemons = shareDaemons({});
});

after(async () => {
  await daemons?.stop();
  await mirror?.stop();
});

forEachGeneration(
  "containerd starts on every edited config.toml and pulls by it",
  async (generation, context) => {
    const daemon = await daemons.get(generation);
    await putMachineFiles(daemon);
    for (const { name } of shareOf(configFixtures, generation, startingOn))
      await context.test(name, async () => {
        // The daemon still runs on the config before: what counts is the start on the edited one.
        const node = await prepareNode(daemon, {
          containerdConfig: await readFile(daemon.configPath, "utf8"),
        });
        const given = relocate(readConfigFixture(name), daemon);
        await writeFile(daemon.configPath, given);
        const pidBefore = await daemon.pid();
        const desired = native([{ endpoint: `${mirror.url}/v2/fixtures`, hosts: ["gcr.io"] }]);
        const applied = await node.run("apply", await node.put("desired-state.yaml", desired));
        assert.equal(applied.code, 0, `${applied.stdout}${applied.stderr}`);
        assert.notEqual(await daemon.pid(), pidBefore, applied.stdout);

        mirror.clearRequests();
        const reference = `gcr.io/${name}/${generation}:1.0`;
        await pushImage(mirror, `fixtures/${name}/${generation}`, "1.0");
        const result = await daemon.pull(reference);
        assert.equal(result.ok, true, JSON.stringify(result));
        assert.equal(pulled(mirror).length, 4, pulled(mirror).join("\n"));

        const again = await node.run("apply", node.desiredState);
        assert.match(again.stdout, /^unchanged in/m, again.stdout);
        const restored = await node.run("restore");
        assert.equal(restored.code, 0, restored.stderr);
        assert.equal(await readFile(daemon.configPath, "utf8"), given);
      });
  },
);

function startingOn({ versions }: ConfigFixture): readonly Generation[] {
  return generations.filter((generation) => versions.some((version) => version.startsWith(`${generation}.`)));
}

/** The fixture with the machine's folders below the daemon's own, and no fixed port. */
function relocate(config: string, daemon: LabContainerd): string {
  return config
    .replace(/(?<=["'])\/(?=(?:etc|var\/lib|opt)\/)/g, `${machine(daemon)}/`)
    .replace("127.0.0.1:1338", "127.0.0.1:0")
    .replace('"10010"', '"0"');
}

const machine = (daemon: LabContainerd): string => join(daemon.dir, "machine");

/** What the fixtures name and expect to find: certificates, and drop-ins in the folders they import. */
async function putMachineFiles(daemon: LabContainerd): Promise<void> {
  const ca = await createCa();
  const client = await ca.issueClient("site");
  const dropIn = `version = 2\n[plugins."io.containerd.gc.v1.scheduler"]\n  pause_threshold = 0.03\n`;
  const files = {
    "etc/ssl/site/ca.crt": ca.cert,
    "etc/ssl/site/client.crt": client.cert,
    "etc/ssl/site/client.key": client.key,
    "etc/containerd/conf.d/10-gc.toml": dropIn,
    "etc/containerd/config.d/10-gc.toml": dropIn,
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(machine(daemon), name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
  }
}

import assert from "node:assert/strict";
import { mkdir, open, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { forEachGeneration, type LabContainerd } from "../support/containerd.ts";
import { prepareNode } from "./support/lab-node.ts";
import { shareMirror } from "./support/shared-mirror.ts";
import { native, pulled } from "./support/site.ts";

const site = shareMirror();

/** Each generation sends gcr.io to a namespace of its own. */
function desired(generation: number): string {
  const endpoint = `${site.mirror.url}/v2/generation-${generation}`;
  return native([{ endpoint, hosts: ["gcr.io"] }], { generation });
}

const observed = "mirrorlet_config_observed_generation";

/** The place where the next pull looks first. */
async function askedNamespace(daemon: LabContainerd): Promise<string | undefined> {
  site.mirror.clearRequests();
  await daemon.pull("gcr.io/absent/app:1.0");
  return /\/v2\/(generation-\d+)\//.exec(pulled(site.mirror)[0] ?? "")?.[1];
}

forEachGeneration(
  "missing then created, atomic replace, editor saves: each is a generation observed",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { desiredState: "missing/folder/desired-state.yaml" });
    const path = node.desiredState;
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.until("it says what is missing", async () =>
      /file-missing/.test((await agent.readyz()).text),
    );
    const { text } = await agent.readyz();
    assert.match(text, /there is no \S+missing/);
    const ways: Readonly<Record<string, (content: string) => Promise<void>>> = {
      "missing then created": async (content) => {
        await mkdir(join(path, ".."), { recursive: true });
        await writeFile(path, content);
      },
      "atomic replace": async (content) => {
        await writeFile(`${path}.tmp`, content);
        await rename(`${path}.tmp`, path);
      },
      "truncate and write, as nano does": (content) => writeFile(path, content),
      "backup, new file, backup removed, as vim does": async (content) => {
        await rename(path, `${path}~`);
        await writeFile(path, content);
        await rm(`${path}~`);
      },
      "a slow write in pieces": async (content) => {
        const file = await open(path, "w");
        for (let at = 0; at < content.length; at += 40) {
          await file.write(content.slice(at, at + 40));
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
        await file.close();
      },
      "removed and created again": async (content) => {
        await rm(path);
        await agent.until("the removal is seen", async () => (await agent.readyz()).status === 503);
        assert.ok((await readFile(join(daemon.certsD, "gcr.io/hosts.toml"))).length > 0, "last good stands");
        await writeFile(path, content);
      },
    };
    let number = 0;
    for (const [name, write] of Object.entries(ways)) {
      number += 1;
      await agent.applying(() => write(desired(number)));
      assert.equal(await agent.metric(observed), number, name);
      assert.equal(await askedNamespace(daemon), `generation-${number}`, name);
    }
    assert.equal(await agent.metric("mirrorlet_config_in_sync"), 1);
  },
);

forEachGeneration(
  "a link swapped as the kubelet does is a generation observed",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon, { desiredState: "volume/desired-state.yaml" });
    const volume = join(node.dir, "volume");
    await mkdir(volume);
    /** A ConfigMap volume: the file links to `..data/file`, and `..data` to a folder with the time in its name. */
    const publish = async (number: number): Promise<void> => {
      const folder = `..2026_01_0${number}`;
      await mkdir(join(volume, folder));
      await writeFile(join(volume, folder, "desired-state.yaml"), desired(number));
      await symlink(folder, join(volume, "..data_tmp"));
      await rename(join(volume, "..data_tmp"), join(volume, "..data"));
      await rm(join(volume, `..2026_01_0${number - 1}`), { recursive: true, force: true });
    };
    await publish(1);
    await symlink("..data/desired-state.yaml", join(volume, "desired-state.yaml"));
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.until("the first is in force", async () => (await agent.metric(observed)) === 1);
    for (const number of [2, 3, 4]) {
      await agent.applying(() => publish(number));
      assert.equal(await agent.metric(observed), number);
      assert.equal(await askedNamespace(daemon), `generation-${number}`);
    }
  },
);

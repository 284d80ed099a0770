import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { witnessKeys } from "../../../src/host/witness-keys.ts";
import { forEachGeneration, type LabContainerd } from "../../support/containerd.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ImpostorOptions, startImpostor } from "../support/impostor.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";
import { startWitnessSite, type WitnessSite } from "../support/witness-site.ts";

/** The mirror has nothing. */
let site: WitnessSite;

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startWitnessSite(["gcr.io"]);
});

after(() => site?.stop());

forEachGeneration(
  "who takes the witness' port while the agent is down serves nobody",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const node = await prepareNode(daemon);
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    const hosts = ["gcr.io", "shut.io"];
    await agent.apply(native([{ endpoint: site.mirror.url, hosts }], { upstream: { "shut.io": "never" } }));
    await agent.kill();

    const certificate = await certificateOf();
    const port = Number(node.witnessAddress.split(":")[1]);
    const real = buildImage();
    site.upstream.put("team/app", "1", real);
    for (const kind of ["https", "http", "hang"] as const) {
      const image = buildImage();
      const impostor = await startImpostor({ port, kind, certificate, image });
      try {
        const wanted = ["gcr.io/team/app:1", "gcr.io/evil/app:1", "shut.io/evil/app:1"];
        // At once: each request to the one that hangs waits ten seconds for its handshake to be done.
        const [found, missing, closed] = await Promise.all(
          wanted.map((each) => daemon.pull(each, { timeoutMs: 90_000 })),
        );
        assert.equal(found?.ok, true, `${kind}: ${JSON.stringify(found)}`);
        assert.equal(missing?.ok, false, kind);
        assert.equal(closed?.ok, false, kind);
        assert.deepEqual(impostor.requests(), [], `${kind}: nothing was asked of it`);
        assert.deepEqual(
          site.contacts().filter((target) => target !== "gcr.io:443"),
          [],
        );
        // Once it is all there, the one that hangs is asked for its tag alone.
        if (kind === "https") await daemon.removeImage("gcr.io/team/app:1");
        // It would serve whoever believed it.
        if (kind === "https") await assertServesWhoBelieves(daemon, { port, image });
      } finally {
        await impostor.stop();
      }
    }
  },
);

async function certificateOf(): Promise<ImpostorOptions["certificate"]> {
  const { certificate: cert, key } = await witnessKeys.create("127.0.0.1");
  return { cert, key };
}

/** The same hosts.toml without the one line that matters: this test would see it, if it were not there. */
async function assertServesWhoBelieves(
  daemon: LabContainerd,
  { port, image }: { readonly port: number; readonly image: LabImage },
): Promise<void> {
  const path = join(daemon.certsD, "gcr.io/hosts.toml");
  const ours = await readFile(path, "utf8");
  assert.match(ours, new RegExp(`127\\.0\\.0\\.1:${port}`));
  await writeFile(path, ours.replace(/^( *)ca = "witness-.*$/m, "$1skip_verify = true"));
  const pulled = await daemon.pull("gcr.io/evil/app:2");
  await writeFile(path, ours);
  assert.deepEqual(pulled, { ok: true, imageRef: image.blobs[0]?.digest });
}

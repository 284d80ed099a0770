import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { forEachGeneration } from "../support/containerd.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { ownState } from "../support/own-state.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { prepareNode } from "./support/lab-node.ts";
import { runMirrorlet } from "./support/mirrorlet.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { clusterHeader, credential, dockerConfig, pulled, putMaterial } from "./support/site.ts";

ownState();

const skip = partSkipReason("docker-registry");
const platforms = ["linux/amd64", "linux/arm64"];

let ca: LabCa;
let trap: UpstreamTrap;
let daemons: SharedDaemons;
let source: LabRegistry;
let mirror: LabRegistry;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrorlet-dump-"));
  if (skip !== undefined) return;
  ca = await createCa();
  trap = await startUpstreamTrap();
  daemons = shareDaemons({ upstreamTrap: trap });
  source = await startRegistry();
  mirror = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...credential } });
  await writeFile(join(folder, "ca.crt"), ca.cert);
  await writeFile(join(folder, "config.json"), dockerConfig(mirror.host, credential));
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), source?.stop(), mirror?.stop()]);
  await rm(folder, { recursive: true });
});

forEachGeneration(
  "dumped, pushed, found to be complete, and pulled through the mirror that apply set up",
  async (generation) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    await putMaterial(node, ca.cert, mirror.host, credential);
    const wish = await node.put("cluster.yaml", clusterHeader(node, `${mirror.url}/v2/site/library`));
    const paths = [`circle/list-${generation}`, `circle/docker-${generation}`];
    const images = {
      [`gcr.io/${paths[0]}:1`]: await pushImage(source, paths[0] ?? "", "1", { platforms, layers: 2 }),
      [`gcr.io/${paths[1]}:1`]: await pushImage(source, paths[1] ?? "", "1", { platforms, format: "docker" }),
    };
    const names = Object.keys(images);
    const list = join(folder, "images.txt");
    await writeFile(list, names.join("\n"));
    const version = ["--containerd-version", daemon.version.text];
    const check = () =>
      runMirrorlet(["bundle", "check", "--desired", wish, "--images", list, ...version]).then(
        ({ code }) => code,
      );

    const bundle = join(folder, `bundle-${generation}.tar.zst`);
    const dumped = await runMirrorlet([
      "dump",
      "--list",
      list,
      "--from",
      source.host,
      "--plain-http",
      "--split-size",
      "1MiB",
      "-o",
      bundle,
    ]);
    assert.equal(dumped.code, 0, dumped.stderr);
    assert.equal(await check(), 1, "nothing of it is there");
    const pushed = await runMirrorlet([
      ...["push", bundle, "--to", `${mirror.host}/site/library`],
      ...["--cacert", join(folder, "ca.crt"), "--docker-config", folder],
    ]);
    assert.equal(pushed.code, 0, pushed.stderr + pushed.stdout);
    assert.equal(await check(), 0, "all of it is there");

    const applied = await node.run("apply", wish);
    assert.equal(applied.code, 0, applied.stderr);
    trap.clearContacts();
    for (const [name, image] of Object.entries(images))
      for (const reference of [name, `${name.replace(/:1$/, "")}@${image.digest}`]) {
        mirror.clearRequests();
        const outcome = await daemon.pull(reference);
        assert.equal(outcome.ok, true, `${reference}: ${JSON.stringify(outcome)}`);
        assert.equal(pulled(mirror).length > 0, true, reference);
        await daemon.removeImage(reference);
      }
    assert.deepEqual(trap.contacts(), []);
  },
);

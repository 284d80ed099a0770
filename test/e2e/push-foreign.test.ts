import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { labManifest, labObject } from "../support/memory-bundle.ts";
import { scratch } from "../support/opened-bundle.ts";
import { ownState } from "../support/own-state.ts";
import { writeLayout } from "../support/write-layout.ts";
import { runMirrorlet } from "./support/mirrorlet.ts";

ownState();

const skip = partSkipReason("docker-registry");
const DOCKER = "application/vnd.docker";
const LIST = `${DOCKER}.distribution.manifest.list.v2+json`;
const MANIFEST = `${DOCKER}.distribution.manifest.v2+json`;
const PAUSE = "registry.k8s.io/pause:3.9";

/** A list as that of pause: of its manifest for Windows the base stays with Microsoft. */
function pauseImage(): LabImage & { readonly windows: string } {
  const linux = buildImage({ format: "docker" });
  const config = labObject(`${DOCKER}.container.image.v1+json`, Buffer.from('{"os":"windows"}'));
  const own = labObject(`${DOCKER}.image.rootfs.diff.tar.gzip`, Buffer.from("pause.exe"));
  const base = labObject(`${DOCKER}.image.rootfs.foreign.diff.tar.gzip`, Buffer.from("nanoserver"));
  const describe = ({ mediaType, digest, bytes }: typeof own) => ({ mediaType, digest, size: bytes.length });
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: describe(config),
    layers: [{ ...describe(base), urls: ["https://mcr.example/v2/nanoserver"] }, describe(own)],
  };
  const windows = labManifest(MANIFEST, JSON.stringify(document), [config, own]);
  const children = [...linux.manifests, ...windows.manifests];
  const list = labManifest(
    LIST,
    JSON.stringify({ schemaVersion: 2, mediaType: LIST, manifests: children.map(describe) }),
  );
  return {
    ...list,
    windows: windows.digest,
    manifests: [...children, ...list.manifests],
    blobs: [...linux.blobs, ...windows.blobs],
  };
}

const images = Object.fromEntries(
  Array.from({ length: 12 }, (_, at) => [`gcr.io/good/${at}:1`, buildImage({ bytesPerLayer: 20_000 })]),
);

async function pushTo(t: TestContext, urls?: readonly string[]) {
  const registry: DockerRegistry = await startDockerRegistry({ kind: "none" }, undefined, urls);
  t.after(() => registry.stop());
  const pause = pauseImage();
  const folder = join(scratch(t), "bundle");
  await writeLayout(folder, { [PAUSE]: pause, ...images });
  const to = ["--to", new URL(registry.url).host, "--plain-http"];
  const ended = await runMirrorlet(["push", folder, ...to]);
  const puts = (await registry.accessLog()).filter((line) =>
    line.includes(`"PUT /v2/pause/manifests/${pause.windows}`),
  );
  return { ...ended, puts };
}

test("a registry that refuses foreign layers refuses that image at once, with what to set there, and no other waits", {
  skip,
}, async (t) => {
  const { code, stdout, stderr, puts } = await pushTo(t);
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^12 images pushed /);
  const words = stdout.replace(/\s+/g, " ");
  assert.match(words, /1 image failed: registry\.k8s\.io\/pause:3\.9 the registry refuses .* foreign layers/);
  assert.match(words, /validation\.manifests\.urls\.allow: \["\^https\?:\/\/"\]/);
  assert.match(words, /--platform/);
  assert.doesNotMatch(words, /--deep/);
  assert.equal(puts.length, 1, "it would answer the same for ever");
  assert.doesNotMatch(stderr, /at a time now/);
});

test("where the registry is told to take them they are pushed", { skip }, async (t) => {
  const { code, stdout, stderr } = await pushTo(t, ["^https?://"]);
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, /^13 images pushed /);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { startCraneRegistry } from "../../support/crane-registry.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { scratch } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { copyImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";

ownState();

const skip = partSkipReason("docker-registry");

async function registryFor(t: TestContext) {
  const registry = await startRegistry();
  t.after(() => registry.stop());
  return registry;
}

const push = (bundle: string, host: string, ...more: readonly string[]) =>
  runMirrorlet(["push", bundle, "--to", `${host}/site`, "--plain-http", ...more]);

/** Another image on the same layers. */
function onTopOf(base: LabImage): LabImage {
  const added = labObject("application/vnd.oci.image.layer.v1.tar+gzip", Buffer.from("no layer that counts"));
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from('{"os":"linux"}'));
  const layers = [...base.blobs.slice(1), added].map(({ mediaType, digest, bytes }) => ({
    mediaType,
    digest,
    size: bytes.length,
  }));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const { digest } = config;
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: config.mediaType, digest, size: config.bytes.length },
    layers,
  });
  return labManifest(mediaType, text, [config, ...base.blobs.slice(1), added]);
}

for (const ending of ["tar", "tar.zst"])
  test(`an increment in a .${ending} gets what it leaves out from where the older bundle went, and is refused where that never was`, {
    skip,
  }, async (t) => {
    const [source, site, empty] = [await registryFor(t), await registryFor(t), await registryFor(t)];
    const base = buildImage({ layers: 2, bytesPerLayer: 200_000 });
    const app = onTopOf(base);
    await copyImage(source, "base", "1", base);
    await copyImage(source, "team/app", "1", app);
    const folder = scratch(t);
    const dump = (...args: string[]) =>
      runMirrorlet(["dump", "--from", source.host, "--plain-http", ...args]);
    const [old, next] = [join(folder, `old.${ending}`), join(folder, `next.${ending}`)];
    assert.equal((await dump("gcr.io/base:1", "-o", old)).code, 0);
    assert.equal((await dump("gcr.io/team/app:1", "-o", next, "--since", old)).code, 0);

    const alone = await push(next, empty.host);
    assert.equal(alone.code, 1);
    const words = alone.stdout.replaceAll(/\s+/g, " ");
    assert.match(
      words,
      /neither the bundle nor the registry has its layer .* an increment: push the older one first/,
    );

    assert.equal((await push(old, site.host)).code, 0);
    site.clearRequests();
    const pushed = await push(next, site.host);
    assert.equal(pushed.code, 0, pushed.stdout + pushed.stderr);
    const mounts = site.requests().filter(({ query }) => query["from"] === "site/base");
    assert.equal(mounts.length, 2, "each layer of the base");
    const reply = await fetch(`${site.storage.url}/v2/site/team/app/manifests/1`, {
      headers: { accept: app.mediaType },
    });
    assert.equal(reply.headers.get("docker-content-digest"), app.digest);
    assert.equal((await push(next, site.host)).code, 0, "again");
  });

test("a list of which platforms were left out is told to be one, where the registry wants all of it", {
  skip: skip ?? partSkipReason("crane"),
}, async (t) => {
  const source = await registryFor(t);
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await copyImage(source, "a/list", "1", image);
  const file = join(scratch(t), "b.tar");
  const ended = await runMirrorlet([
    ..."dump gcr.io/a/list:1 --plain-http --platform linux/amd64 --from".split(" "),
    source.host,
    "-o",
    file,
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  const [only] = image.manifests;
  const crane = await startCraneRegistry();
  t.after(() => crane.stop());
  for (const host of [(await registryFor(t)).host, new URL(crane.url).host]) {
    const pushed = await push(file, host);
    assert.equal(pushed.code, 1);
    const words = pushed.stdout.replaceAll(/\s+/g, " ");
    assert.match(words, /this registry takes no list without all that it names.*make one with all platforms/);
    assert.match(words, /with --allow-new-digest: then its tag leads to linux\/amd64 alone/);
    const url = `http://${host}/v2/site/a/list/manifests/1`;
    assert.equal((await fetch(url)).status, 404, "no tag for what is not whole");
    for (const what of [/^1 image pushed/, /^0 images pushed to .*, 1 there before/]) {
      const single = await push(file, host, "--allow-new-digest");
      assert.equal(single.code, 0, single.stdout + single.stderr);
      assert.match(single.stdout, what);
      assert.match(single.stdout, /gcr\.io\/a\/list:1 leads to\s+sha256:[0-9a-f]+, one\s+platform\s+alone/);
      const reply = await fetch(url, { headers: { accept: only?.mediaType ?? "" } });
      assert.equal(reply.headers.get("docker-content-digest"), only?.digest);
    }
  }
});

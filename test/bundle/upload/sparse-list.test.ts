import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { buildImage, type LabImage, type LabObject } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { bundleFile } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { compress } from "../../support/push-passing.ts";
import { startRegistry } from "../../support/registry.ts";
import { startSparseRegistry } from "../../support/sparse-registry.ts";
import { type TarPart, tarOf } from "../../support/tar.ts";

ownState();

const NAME = "gcr.io/a/list:1";

function twoPlatforms(): LabImage {
  return buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 50_000 });
}

/** As docker's containerd image store saves one platform of a list: the list, and the rest of one child; some keep the other's manifest. */
function savedByDocker(image: LabImage, keepsManifest = false): readonly TarPart[] {
  const [amd64, arm64] = image.manifests;
  const others = image.blobs.filter(({ digest }) => !Buffer.from(amd64?.bytes ?? []).includes(digest));
  const gone = new Set([...(keepsManifest ? [] : [arm64?.digest]), ...others.map(({ digest }) => digest)]);
  const kept = layoutParts({ [NAME]: image }).filter(
    ({ name }) => ![...gone].some((digest) => name.endsWith(digest?.slice("sha256:".length) ?? "-")),
  );
  const { config, layers } = JSON.parse(Buffer.from(amd64?.bytes ?? []).toString());
  const path = ({ digest }: { readonly digest: string }) => `blobs/${digest.replace(":", "/")}`;
  const list = [{ Config: path(config), RepoTags: ["gcr.io/a/list:1"], Layers: layers.map(path) }];
  return [...kept, { name: "manifest.json", content: JSON.stringify(list) }];
}

function file(t: TestContext, parts: readonly TarPart[], by: "tar" | "gzip"): string {
  return bundleFile(t, by === "tar" ? "b.tar" : "b.tar.gz", compress(tarOf(parts), by));
}

const push = (bundle: string, host: string, ...more: readonly string[]) =>
  runMirrorlet(["push", bundle, "--to", `${host}/site`, "--plain-http", ...more]);

/** What pushes to a registry have noted. */
function journalOf(host: string): string {
  const folder = join(process.env["XDG_STATE_HOME"] ?? "", "mirrorlet/push");
  if (!existsSync(folder)) return "";
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return (
    files.map((name) => readFileSync(join(folder, name), "utf8")).find((text) => text.includes(host)) ?? ""
  );
}

for (const by of ["tar", "gzip"] as const)
  for (const mounts of by === "tar" ? [true] : [true, false])
    test(`a list that a registry took without all of it is completed from a whole bundle (${by}, ${mounts ? "mounts" : "no mounts"})`, async (t) => {
      const registry = await startSparseRegistry({ mounts });
      t.after(() => registry.stop());
      const image = twoPlatforms();
      const [thin, whole] = [file(t, savedByDocker(image), by), file(t, layoutParts({ [NAME]: image }), by)];
      const arm64 = `site/a/list/manifests/${image.manifests[1]?.digest}`;
      for (const what of [/^1 image pushed/, /^0 images pushed .* 1 there before/]) {
        const ended = await push(thin, registry.host);
        assert.equal(ended.code, 0, ended.stdout + ended.stderr);
        assert.match(ended.stdout, what);
        assert.equal(registry.has(arm64), false);
        assert.doesNotMatch(journalOf(registry.host), /"done"/, "nobody could ask for what it lacks");
      }
      const planned = await push(whole, registry.host, "--dry-run");
      assert.match(planned.stdout, /1 image to push to/);
      const completed = await push(whole, registry.host);
      assert.equal(completed.code, 0, completed.stdout + completed.stderr);
      assert.match(completed.stdout, /^1 image pushed/);
      for (const { digest } of image.blobs) assert.equal(registry.has(`site/a/list/blobs/${digest}`), true);
      assert.equal(registry.has(arm64), true);
      assert.match((await push(whole, registry.host)).stdout, /^0 images pushed .* 1 there before/);
      if (by === "gzip") assert.match(journalOf(registry.host), /"done"/);
      registry.remove(arm64);
      assert.match(
        (await push(whole, registry.host)).stdout,
        /^1 image pushed/,
        "nor is it recalled without",
      );
      assert.equal(registry.has(arm64), true);
    });

test("what --deep repairs was pushed", async (t) => {
  const registry = await startSparseRegistry();
  t.after(() => registry.stop());
  const image = buildImage({ layers: 2, bytesPerLayer: 50_000 });
  const bundle = file(t, layoutParts({ "gcr.io/a/one:1": image }), "tar");
  await push(bundle, registry.host);
  const layer = `site/a/one/blobs/${image.blobs[1]?.digest}`;
  registry.remove(layer);
  assert.match((await push(bundle, registry.host)).stdout, /^0 images pushed .*, 1 there before/);
  assert.match((await push(bundle, registry.host, "--deep")).stdout, /^1 image pushed .*, 0 there before/);
  assert.equal(registry.has(layer), true);
  assert.match((await push(bundle, registry.host, "--deep")).stdout, /^0 images pushed .*, 1 there before/);
});

for (const by of ["tar", "gzip"] as const)
  test(`an image without a name in a .${by}: the others are pushed, and it is told what to do`, async (t) => {
    const registry = await startSparseRegistry();
    t.after(() => registry.stop());
    const images = { "gcr.io/a/named:1": buildImage(), "": buildImage() };
    const bundle = file(t, layoutParts(images), by);
    for (const what of [/^1 image pushed/, /^0 images pushed .* 1 there before/]) {
      const ended = await push(bundle, registry.host);
      assert.equal(ended.code, 1, "nor is it forgotten by the next");
      assert.match(ended.stdout, what);
      const words = ended.stdout.replaceAll(/\s+/g, " ");
      assert.match(words, /1 image left out: sha256:.* has no name .* --name/);
      if (by === "gzip") assert.match(words, /site\/mirrorlet-staging\/\w+ keeps what was sent/);
    }
    const dry = await push(bundle, registry.host, "--dry-run");
    assert.equal(dry.code, 1);
    for (const line of dry.stdout.split("\n")) assert.ok(line.length <= 80, line);
    const alone = file(t, layoutParts({ "": buildImage() }), by);
    const none = await push(alone, registry.host);
    assert.equal(none.code, 65, none.stdout);
    assert.match(none.stderr, /has no name in the bundle: give it one with --name/);
    if (by === "gzip") assert.match(none.stdout, /sent to .*No image is complete/s, "what is there is told");
  });

test("a referrer that the registry has lost is brought by the next push of the same file", async (t) => {
  const registry = await startSparseRegistry();
  t.after(() => registry.stop());
  const image = buildImage();
  const config = labObject("application/vnd.oci.empty.v1+json", Buffer.from("{}"));
  const describe = ({ mediaType, digest, bytes }: LabObject) => ({ mediaType, digest, size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: image.mediaType,
    artifactType: "application/x-signature",
    config: describe(config),
    layers: [],
    subject: image.manifests.map(describe)[0],
  };
  const signature = labManifest(image.mediaType, JSON.stringify(manifest), [config]);
  const bundle = file(t, layoutParts({ [NAME]: image, "": signature }), "gzip");
  const place = `site/a/list/manifests/${signature.digest}`;
  for (const _ of ["the first push", "the next one"]) {
    const ended = await push(bundle, registry.host);
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.equal(registry.has(place), true);
    registry.remove(place);
  }
});

test("a file that an option names and that is not there is usage, and the option is named", async () => {
  for (const option of ["--cacert", "--docker-config", "--cert-dir"])
    for (const command of [
      ["push", "b.tar", "--to", "127.0.0.1:1"],
      ["dump", "gcr.io/a:1", "-o", "/tmp/nosuch/b.tar"],
    ]) {
      const ended = await runMirrorlet([...command, option, "/nosuch.file"]);
      assert.equal(ended.code, 64, ended.stderr);
      assert.match(ended.stderr, new RegExp(`${option} /nosuch.file: there is no such file`));
    }
  const folder = await runMirrorlet(["push", "b.tar", "--to", "127.0.0.1:1", "--cacert", "/tmp"]);
  assert.equal(folder.code, 64, folder.stderr);
  assert.match(folder.stderr, /--cacert \/tmp: it is a folder: name the file/);
});

for (const [by, keepsManifest] of [
  ["tar", false],
  ["gzip", false],
  ["tar", true],
] as const)
  test(`one platform that docker saved of a list (${by}${keepsManifest ? ", with the other's manifest" : ""}): refused with the way out, and pushed with consent`, {
    skip: partSkipReason("docker-registry"),
  }, async (t) => {
    const registry = await startRegistry();
    t.after(() => registry.stop());
    const image = twoPlatforms();
    const saved = file(t, savedByDocker(image, keepsManifest), by);
    const refused = await push(saved, registry.host);
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(
      refused.stdout.replaceAll(/\s+/g, " "),
      /takes no list without all that it names.*push with --allow-new-digest: then its tag leads to linux\/amd64 alone/,
    );
    const pushed = await push(saved, registry.host, "--allow-new-digest");
    assert.equal(pushed.code, 0, pushed.stdout + pushed.stderr);
    const [only] = image.manifests;
    const reply = await fetch(`${registry.storage.url}/v2/site/a/list/manifests/1`, {
      headers: { accept: only?.mediaType ?? "" },
    });
    assert.equal(reply.headers.get("docker-content-digest"), only?.digest, "the platform keeps its own");
  });

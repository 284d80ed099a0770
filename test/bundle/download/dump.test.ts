import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import type { LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { copyImage, pushImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";

const run = promisify(execFile);
const skip = partSkipReason("docker-registry");
const platforms = ["linux/amd64", "linux/arm64"];

let registry: LabRegistry;
let docker: LabImage;
let oci: LabImage;
let single: LabImage;

before(async () => {
  if (skip !== undefined) return;
  registry = await startRegistry();
  docker = await pushImage(registry, "a/docker", "1", { platforms, layers: 2, format: "docker" });
  oci = await pushImage(registry, "a/oci", "1", { platforms, bytesPerLayer: 300_000 });
  single = await pushImage(registry, "a/single", "1", { layers: 3, bytesPerLayer: 5_000, format: "docker" });
  await copyImage(registry, "b/same", "2", oci);
});

after(() => registry?.stop());

/** Takes images of any host from the lab's registry. */
function dump(...args: readonly string[]) {
  return runMirrorlet(["dump", "--from", registry.host, "--plain-http", ...args]);
}

/** What docker-registry answers for a manifest. */
async function putManifest(repository: string, reference: string, image: LabImage): Promise<void> {
  await copyImage(registry, repository, reference, image);
}

for (const [ending, container] of [
  ["tar", "tar"],
  ["tar.zst", "tar, compressed by zstd"],
  ["tar.gz", "tar, compressed by gzip"],
  ["tar.xz", "tar, compressed by xz"],
] as const)
  test(`lists and manifests come byte for byte into a .${ending}, each blob once, with checksums`, {
    skip,
  }, async (t) => {
    const folder = scratch(t);
    const file = join(folder, `bundle.${ending}`);
    const names = ["gcr.io/a/docker:1", "gcr.io/a/oci:1", "quay.io/a/single:1", "gcr.io/b/same:2"];
    const ended = await dump(...names, "-o", file);
    assert.equal(ended.code, 0, ended.stderr);
    const found = await verify(file);
    assert.deepEqual(codes(found), []);
    assert.equal(found.container, container);
    assert.deepEqual(
      found.bundle.images.map(({ name, top }) => [name, top.digest, top.mediaType]),
      [docker, oci, single, oci].map((image, at) => [names[at], image.digest, image.mediaType]),
    );
    const all = [docker, oci, single].flatMap((image) => [...image.blobs, ...image.manifests]);
    assert.equal(found.bundle.blobs.size, all.length);
    await run("sha256sum", ["--check", "--strict", `bundle.${ending}.sha256`], { cwd: folder });
    assert.deepEqual(readdirSync(folder).sort(), [`bundle.${ending}`, `bundle.${ending}.sha256`]);
  });

test("index and manifests stand before all blobs, and GNU tar reads it", { skip }, async (t) => {
  const file = join(scratch(t), "bundle.tar");
  assert.equal((await dump("gcr.io/a/docker:1", "-o", file)).code, 0);
  const { stdout } = await run("tar", ["-tf", file]);
  const paths = stdout.trim().split("\n");
  const path = ({ digest }: { digest: string }) => `blobs/${digest.replace(":", "/")}`;
  assert.deepEqual(paths.slice(0, 2), ["oci-layout", "index.json"]);
  assert.deepEqual(paths.slice(2, 5).sort(), docker.manifests.map(path).sort());
  assert.deepEqual(paths.slice(5).sort(), docker.blobs.map(path).sort());
});

test("odd white space and unknown fields stay as they are, and the same images make the same bytes", {
  skip,
}, async (t) => {
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
  const text = `{ "schemaVersion":2,\n\t"x-own": [1, 2],  "mediaType": "application/vnd.oci.image.manifest.v1+json",
 "config":{"mediaType":"${config.mediaType}","digest":"${config.digest}","size":2},"layers":[ ]}\n\n`;
  const odd = labManifest("application/vnd.oci.image.manifest.v1+json", text, [config]);
  await putManifest("odd/one", "1", odd);
  const folder = scratch(t);
  for (const name of ["one.tar", "two.tar"])
    assert.equal((await dump("gcr.io/odd/one:1", "gcr.io/a/oci:1", "-o", join(folder, name))).code, 0);
  assert.deepEqual(readFileSync(join(folder, "one.tar")), readFileSync(join(folder, "two.tar")));
  const found = await verify(join(folder, "one.tar"));
  assert.equal(found.bundle.images[0]?.top.digest, odd.digest);
});

test("--list names images, a tag is looked up once, and names with a digest keep it", { skip }, async (t) => {
  const folder = scratch(t);
  const list = join(folder, "images.txt");
  const pinned = `gcr.io/a/single:1@${single.digest}`;
  writeFileSync(list, `# what the site needs\n\ngcr.io/a/oci:1   # twice\ngcr.io/a/oci:1\n${pinned}\r\n`);
  registry.clearRequests();
  const ended = await dump("--list", list, "-o", join(folder, "b.tar"));
  assert.equal(ended.code, 0, ended.stderr);
  const asked = registry.requests().map(({ method, path }) => `${method} ${path}`);
  assert.equal(asked.filter((line) => line === "GET /v2/a/oci/manifests/1").length, 1);
  assert.equal(new Set(asked).size, asked.length, "something was asked for twice");
  const found = await verify(join(folder, "b.tar"));
  assert.deepEqual(
    found.bundle.images.map(({ name }) => name),
    ["gcr.io/a/oci:1", pinned],
  );
  writeFileSync(list, "gcr.io/a/oci:1\ngcr.io/A:1\n");
  const wrong = await dump("--list", list, "-o", join(folder, "c.tar"));
  assert.equal(wrong.code, 65);
  assert.match(wrong.stderr, /images\.txt:2: "gcr\.io\/A:1" is no name of an image/);
});

test("--platform keeps the list byte for byte, names what is left out, and verify is content", {
  skip,
}, async (t) => {
  const file = join(scratch(t), "b.tar");
  const ended = await dump("gcr.io/a/oci:1", "--platform", "linux/arm64", "-o", file);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^note: lists keep their digests and still name 1 manifest of other platforms/);
  const found = await verify(file);
  assert.deepEqual(codes(found), ["warning left-out-platform"]);
  assert.equal(found.bundle.images[0]?.top.digest, oci.digest);
  assert.deepEqual(found.bundle.leftOut?.manifests, [oci.manifests[0]?.digest]);
  assert.equal(found.bundle.blobs.size, 4, "list, manifest, config, layer");
  assert.equal((await runMirrorlet(["bundle", "verify", file])).code, 0);
  const none = await dump("gcr.io/a/oci:1", "--platform", "linux/s390x", "-o", file);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /gcr\.io\/a\/oci:1: it is for none .* there are linux\/amd64, linux\/arm64/);
});

test("--since leaves out the blobs of an older bundle and says so; an increment of an increment does too", {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const at = (name: string) => join(folder, name);
  assert.equal((await dump("gcr.io/a/oci:1", "-o", at("old.tar.zst"))).code, 0);
  const ended = await dump(
    "gcr.io/b/same:2",
    "gcr.io/a/single:1",
    "-o",
    at("new.tar"),
    "--since",
    at("old.tar.zst"),
  );
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /note: 4 blobs \(.*\) that old\.tar\.zst has are left out/);
  const found = await verify(at("new.tar"));
  assert.deepEqual(codes(found), ["warning increment"]);
  assert.deepEqual(
    found.bundle.leftOut?.blobs.map(({ image }) => image),
    Array.from({ length: 4 }, () => "gcr.io/a/oci:1"),
  );
  for (const { digest } of oci.blobs) assert.equal(found.bundle.blobs.has(digest), false);
  for (const { digest } of oci.manifests) assert.equal(found.bundle.blobs.has(digest), true);
  const listed = await runMirrorlet(["bundle", "ls", at("new.tar")]);
  assert.match(listed.stdout, /warning: an increment: it leaves out 4 blobs .* that old\.tar\.zst has/);
  await dump("gcr.io/b/same:2", "gcr.io/a/single:1", "-o", at("newer.tar"), "--since", at("new.tar"));
  const newer = await verify(at("newer.tar"));
  assert.equal(newer.bundle.leftOut?.blobs.length, oci.blobs.length + single.blobs.length);
});

test("dump, its dry run, ls and verify count one and the same number of blobs", { skip }, async (t) => {
  const file = join(scratch(t), "b.tar.zst");
  const ended = [
    await dump("gcr.io/a/docker:1", "gcr.io/a/oci:1", "--dry-run"),
    await dump("gcr.io/a/docker:1", "gcr.io/a/oci:1", "-o", file),
    await runMirrorlet(["bundle", "ls", file]),
    await runMirrorlet(["bundle", "verify", file]),
  ];
  const blobs = docker.blobs.length + oci.blobs.length;
  for (const { stdout } of ended) assert.match(stdout, new RegExp(`2 images[,:] ${blobs} blobs, `));
  const { bundles } = JSON.parse((await runMirrorlet(["--json", "bundle", "ls", file])).stdout);
  assert.equal(bundles[0].blobs, blobs);
});

test("what a registry lacks is told for each image, and no bundle is made", { skip }, async (t) => {
  const folder = scratch(t);
  const ended = await dump(
    "gcr.io/a/oci:1",
    "gcr.io/no/such:1",
    "gcr.io/a/oci:9",
    "-o",
    join(folder, "b.tar"),
  );
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /gcr\.io\/no\/such:1: GET .*: 404.*the registry does not have it/);
  assert.match(ended.stderr, /gcr\.io\/a\/oci:9: GET .*: 404/);
  assert.match(ended.stderr, /no bundle was made/);
  assert.deepEqual(readdirSync(folder), []);
});

test("what is no file is not replaced, and what a link leads to is", { skip }, async (t) => {
  const folder = scratch(t);
  const at = (name: string) => join(folder, name);
  await run("mkfifo", [at("pipe")]);
  for (const [place, words] of [
    [at("pipe"), /is no file: -o - writes to standard output/],
    [folder, /is a folder: name a file in it/],
  ] as const) {
    const ended = await dump("gcr.io/a/single:1", "-o", place);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, words);
  }
  assert.ok(statSync(at("pipe")).isFIFO());
  writeFileSync(at("real.tar"), "of last month");
  symlinkSync(at("real.tar"), at("link.tar"));
  assert.equal((await dump("gcr.io/a/single:1", "-o", at("link.tar"))).code, 0);
  assert.ok(lstatSync(at("link.tar")).isSymbolicLink());
  assert.deepEqual(codes(await verify(at("real.tar"))), []);
});

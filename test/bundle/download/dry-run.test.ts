import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import type { LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { bundleFile, scratch } from "../../support/opened-bundle.ts";
import { copyImage, pushImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";

const skip = partSkipReason("docker-registry");

let registry: LabRegistry;
let list: LabImage;
let single: LabImage;

before(async () => {
  if (skip !== undefined) return;
  registry = await startRegistry();
  list = await pushImage(registry, "a/list", "1", {
    platforms: ["linux/amd64", "linux/arm64"],
    bytesPerLayer: 300_000,
  });
  single = await pushImage(registry, "a/single", "1", { layers: 3, bytesPerLayer: 50_000 });
  await copyImage(registry, "b/same", "1", list);
});

after(() => registry?.stop());

function dump(...args: readonly string[]) {
  return runMirrorlet(["dump", "--from", registry.host, "--plain-http", ...args]);
}

function bytesOf({ blobs }: LabImage): number {
  return blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

const names = ["gcr.io/a/list:1", "gcr.io/b/same:1", "gcr.io/a/single:1"];

test("what would be fetched: each image, what it brings along, no blob asked for, nothing written", {
  skip,
}, async (t) => {
  registry.clearRequests();
  const { code, stdout, stderr } = await dump(...names, "--dry-run");
  assert.equal(code, 0, stderr);
  const rows = stdout
    .split("\n")
    .slice(0, 4)
    .map((line) => line.trim().split(/ {2,}/));
  assert.deepEqual(
    rows.map((row) => row.at(-1)),
    ["IMAGE", ...names],
  );
  assert.deepEqual(rows[2]?.[0], "0 B", "the one before brings it along");
  assert.match(stdout, /3 images: \d+ blobs, .* to fetch\..*\sNothing was\swritten\.\n$/s);
  assert.deepEqual(
    registry.requests().filter(({ path }) => path.includes("/blobs/")),
    [],
  );
  const folder = scratch(t);
  assert.equal((await dump(...names, "--dry-run", "-o", join(folder, "b.tar"))).code, 0);
  assert.deepEqual(readdirSync(folder), []);
});

test("as JSON, beside an older bundle, whose file is only read", { skip }, async (t) => {
  const older = join(scratch(t), "older.tar");
  assert.equal((await dump("gcr.io/a/single:1", "-o", older)).code, 0);
  const { code, stdout, stderr } = await dump(...names, "--json", "--dry-run", "--since", older);
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout);
  assert.equal(plan.schema, "mirrorlet.dump-plan/v1");
  assert.deepEqual(
    plan.images.map(({ name, bytes, newBytes }: Record<string, unknown>) => [name, bytes, newBytes]),
    [
      [names[0], bytesOf(list), bytesOf(list)],
      [names[1], bytesOf(list), 0],
      [names[2], bytesOf(single), 0],
    ],
  );
  assert.equal(plan.newBytes, bytesOf(list));
  assert.equal(plan.leftOut.blobs.length, single.blobs.length);
  const text = await dump(...names, "--dry-run", "--since", older);
  assert.match(text.stdout, /note: 4 blobs \(.*\) that older\.tar has are left out/);
});

test("an older bundle that is not there, or is none: 65", { skip }, async (t) => {
  const text = bundleFile(t, "a.txt", Buffer.from("hello"));
  for (const more of [["--dry-run"], []])
    for (const older of [`${text}.not`, text]) {
      const output = join(scratch(t), "b.tar");
      const ended = await dump("gcr.io/a/list:1", "--since", older, "-o", output, ...more);
      assert.equal(ended.code, 65, ended.stderr);
      assert.match(ended.stderr, /^mirrorlet: .*a\.txt.*: (there is no such file|no bundle: )/);
    }
});

test("images that cannot be had are told beside the others: 1", { skip }, async () => {
  const { code, stdout, stderr } = await dump("gcr.io/a/none:1", "gcr.io/a/single:1", "--dry-run");
  assert.equal(code, 1);
  assert.match(stderr, /^mirrorlet: gcr\.io\/a\/none:1: /);
  assert.match(stdout, /gcr\.io\/a\/single:1\n/);
});

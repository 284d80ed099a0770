import assert from "node:assert/strict";
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { scratch } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { copyImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";

ownState();

test("a bundle never replaces the one that --since reads, however the two are named, nor the list of images", {
  skip: partSkipReason("docker-registry"),
}, async (t) => {
  const source = await startRegistry();
  t.after(() => source.stop());
  await copyImage(source, "base", "1", buildImage({ bytesPerLayer: 3_000_000 }));
  const folder = scratch(t);
  const at = (name: string) => join(folder, name);
  const dump = (...args: string[]) =>
    runMirrorlet(["dump", "gcr.io/base:1", "--from", source.host, "--plain-http", ...args]);
  assert.equal((await dump("-o", at("full.tar"))).code, 0);
  assert.equal((await dump("-o", at("split.tar"), "--split-size", "1MiB")).code, 0);
  symlinkSync("full.tar", at("link.tar"));
  symlinkSync(folder, at("here"));
  mkdirSync(at("sub"));
  linkSync(at("full.tar"), at("sub/old.tar"));
  const content = () =>
    readdirSync(folder)
      .filter((name) => /\.tar(?:\.\d+)?$/.test(name))
      .map((name) => [name, readFileSync(at(name)).length]);
  const before = content();
  for (const [output, since] of [
    ["full.tar", "full.tar"],
    ["link.tar", "full.tar"],
    ["full.tar", "link.tar"],
    ["here/full.tar", "full.tar"],
    ["split.tar", "split.tar"],
    ["split.tar", "split.tar.000"],
    ["split.tar.001", "split.tar"],
    ["sub/old.tar", "sub"],
  ] as const) {
    const ended = await dump("-o", at(output), "--since", at(since));
    assert.equal(ended.code, 64, `${output} since ${since}: ${ended.stdout}${ended.stderr}`);
    assert.match(ended.stderr, /would replace .*which --since .* reads: give the new bundle another name/);
    assert.deepEqual(content(), before);
  }
  writeFileSync(at("images.txt"), "gcr.io/base:1\n");
  const listed = await dump("-o", at("images.txt"), "--list", at("images.txt"));
  assert.equal(listed.code, 64, listed.stdout + listed.stderr);
  assert.match(listed.stderr, /would replace .*images\.txt, which --list .*images\.txt reads/);
  assert.equal(readFileSync(at("images.txt"), "utf8"), "gcr.io/base:1\n");
  assert.equal((await dump("-o", at("next.tar"), "--since", at("full.tar"))).code, 0);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { pushImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import { tarOf } from "../../support/tar.ts";

ownState();

const run = promisify(execFile);
const skip = partSkipReason("docker-registry");

let registry: LabRegistry;
let image: LabImage;

before(async () => {
  if (skip !== undefined) return;
  registry = await startRegistry();
  image = await pushImage(registry, "big/one", "1", { layers: 3, bytesPerLayer: 1_200_000 });
});

after(() => registry?.stop());

const dump = (...args: readonly string[]) =>
  runMirrorlet(["dump", "gcr.io/big/one:1", "--from", registry.host, "--plain-http", ...args]);

for (const name of ["b.tar", "b.tar.zst"])
  test(`${name} in parts: each has its checksum, and all are one source, whichever is named`, {
    skip,
  }, async (t) => {
    const folder = scratch(t);
    const at = (ending: string) => join(folder, name + ending);
    writeFileSync(at(""), "what a dump before has left");
    writeFileSync(at(".007"), "a part of it");
    const ended = await dump("-o", at(""), "--split-size", "1MiB");
    assert.equal(ended.code, 0, ended.stderr);
    const parts = ["000", "001", "002", "003"].map((number) => `${name}.${number}`);
    assert.deepEqual(readdirSync(folder).sort(), [...parts, `${name}.sha256`]);
    await run("sha256sum", ["--check", "--strict", `${name}.sha256`], { cwd: folder });
    await run("sh", ["-c", `cat ${name}.0* > whole`], { cwd: folder });
    for (const source of ["", ".000", ".002"]) {
      const found = await verify(at(source));
      assert.deepEqual(codes(found), []);
      assert.match(found.container, /, in 4 parts$/);
      assert.equal(found.bundle.images[0]?.top.digest, image.digest);
    }
    assert.deepEqual(codes(await verify(join(folder, "whole"))), []);
    const all = readdirSync(folder)
      .filter((one) => one.startsWith(name))
      .map((one) => join(folder, one));
    const listed = await runMirrorlet(["bundle", "ls", "--json", ...all]);
    assert.equal(JSON.parse(listed.stdout).bundles.length, 1, "as BUNDLE* gives them");

    renameSync(at(".001"), at(".aside"));
    await assert.rejects(verify(at("")), /of its 4 parts there are missing: b\.tar(\.zst)?\.001$/);
    await assert.rejects(verify(at(".000")), /missing: .*\.001$/);
    renameSync(at(".aside"), at(".001"));
    renameSync(at(".003"), at(".aside"));
    await assert.rejects(verify(at("")), /missing: .*\.003$/, "the checksums tell that there is one more");
    rmSync(at(".sha256"));
    await assert.rejects(verify(at("")), /cut off|cannot be decompressed/);
    renameSync(at(".aside"), at(".003"));
    truncateSync(at(".001"), 1_000_000);
    await assert.rejects(
      verify(at("")),
      /\.001: 1000000 bytes, and the first part has 1048576: it is cut off/,
    );
  });

for (const ending of ["tar", "tar.gz"])
  test(`a .${ending} in parts is pushed, named by any of its parts or all of them`, { skip }, async (t) => {
    const folder = scratch(t);
    const file = join(folder, `b.${ending}`);
    assert.equal((await dump("-o", file, "--split-size", "1MiB")).code, 0);
    const parts = readdirSync(folder).map((one) => join(folder, one));
    for (const [at, sources] of [[file], [`${file}.002`], parts].entries()) {
      const target = await startRegistry();
      t.after(() => target.stop());
      const pushed = await runMirrorlet(["push", ...sources, "--to", target.host, "--plain-http"]);
      assert.equal(pushed.code, 0, `${at}: ${pushed.stderr}${pushed.stdout}`);
      assert.match(pushed.stdout, /^1 image pushed/);
    }
  });

for (const ending of ["tar", "tar.zst"])
  test(`a folder holds a .${ending} in parts, and a whole bundle beside it`, { skip }, async (t) => {
    const folder = scratch(t);
    const file = join(folder, `s.${ending}`);
    assert.equal((await dump("-o", file, "--split-size", "1MiB")).code, 0);
    writeFileSync(join(folder, "notes.001"), "no part of anything");
    writeFileSync(join(folder, "notes.003"), "nor this");
    writeFileSync(join(folder, "log.000"), "nor this");
    writeFileSync(join(folder, "log.002"), "nor this");
    const found = await verify(folder);
    assert.deepEqual(codes(found), []);
    assert.deepEqual(
      found.bundle.images.map(({ name, top }) => [name, top.digest]),
      [["gcr.io/big/one:1", image.digest]],
    );
    const listed = await runMirrorlet(["bundle", "ls", folder]);
    assert.equal(listed.code, 0, listed.stderr);
    const pushFolder = async () => {
      const target = await startRegistry();
      t.after(() => target.stop());
      return runMirrorlet(["push", folder, "--to", target.host, "--plain-http"]);
    };
    const pushed = await pushFolder();
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stdout, /^1 image pushed/);

    const other = buildImage();
    writeFileSync(join(folder, "other.tar"), tarOf(layoutParts({ "gcr.io/other:1": other })));
    const both = await pushFolder();
    assert.equal(both.code, 0, both.stderr);
    assert.match(both.stdout, /^2 images pushed/);

    for (const number of ["000", "001", "003"]) {
      const part = `${file}.${number}`;
      renameSync(part, join(folder, "aside"));
      await assert.rejects(verify(folder), new RegExp(`s\\.${ending}: .* missing: .*\\.${number}$`));
      assert.equal((await pushFolder()).code, 65);
      renameSync(join(folder, "aside"), part);
    }
    rmSync(`${file}.sha256`);
    assert.deepEqual(codes(await verify(folder)), [], "without checksums, too");
    symlinkSync(join(folder, "other.tar"), join(folder, "link.000"));
    await assert.rejects(verify(folder), /link\.000: the link to .* absolute path/);
  });

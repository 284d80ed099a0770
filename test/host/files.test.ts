import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFiles } from "../../src/host/files.ts";
import { rendered, scratch } from "./scratch.ts";

const CERTS = "/etc/containerd/certs.d";

test("write creates parents 0755 and files with their own mode under umask 077", async (t) => {
  const root = scratch(t);
  const old = process.umask(0o077);
  t.after(() => process.umask(old));
  await createFiles({ root }).write([
    rendered(`${CERTS}/gcr.io/hosts.toml`, "a", 0o644),
    rendered(`${CERTS}/gcr.io/client.key`, "k", 0o600),
  ]);
  const directory = join(root, CERTS, "gcr.io");
  assert.equal(statSync(directory).mode & 0o777, 0o755);
  assert.equal(statSync(join(root, "etc")).mode & 0o777, 0o755);
  assert.equal(statSync(join(directory, "hosts.toml")).mode & 0o777, 0o644);
  assert.equal(statSync(join(directory, "client.key")).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory).sort(), ["client.key", "hosts.toml"]);
});

test("write replaces a link in place of a file and leaves its target alone", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, CERTS, "gcr.io"), { recursive: true });
  writeFileSync(join(root, "elsewhere"), "theirs");
  symlinkSync(join(root, "elsewhere"), join(root, CERTS, "gcr.io/hosts.toml"));
  await createFiles({ root }).write([rendered(`${CERTS}/gcr.io/hosts.toml`, "ours")]);
  assert.equal(readFileSync(join(root, "elsewhere"), "utf8"), "theirs");
  assert.ok(lstatSync(join(root, CERTS, "gcr.io/hosts.toml")).isFile());
});

test("a linked certs.d is followed, a linked sub-directory that leads out of it is refused", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, "data/certs"), { recursive: true });
  mkdirSync(join(root, "outside"));
  mkdirSync(join(root, "etc/containerd"), { recursive: true });
  symlinkSync("/data/certs", join(root, CERTS));
  symlinkSync("/outside", join(root, "data/certs/gcr.io"));
  const files = createFiles({ root });
  await files.write([rendered(`${CERTS}/quay.io/hosts.toml`, "a")]);
  assert.equal(readFileSync(join(root, "data/certs/quay.io/hosts.toml"), "utf8"), "a");
  await assert.rejects(files.write([rendered(`${CERTS}/gcr.io/hosts.toml`, "a")]), { code: "symlink" });
  await assert.rejects(files.remove([`${CERTS}/gcr.io/hosts.toml`]), { code: "symlink" });
  assert.deepEqual(readdirSync(join(root, "outside")), []);
});

test("one file that cannot be written does not keep the others back", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, "d/taken"), { recursive: true });
  const files = createFiles({ root });
  const wanted = [rendered("/d/taken", "x"), rendered("/d/fine", "y")];
  await assert.rejects(files.write(wanted), { code: "is-directory", path: "/d/taken", retryable: false });
  assert.deepEqual(readdirSync(join(root, "d")).sort(), ["fine", "taken"]);
});

test("a reader in parallel sees whole files only", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  const path = "/d/hosts.toml";
  const versions = ["a".repeat(70_000), "b".repeat(50_000)] as const;
  await files.write([rendered(path, versions[0])]);
  let writing = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (writing) {
      seen.add(readFileSync(join(root, path), "utf8"));
      await new Promise(setImmediate);
    }
  })();
  for (let i = 0; i < 60; i++) await files.write([rendered(path, versions[i % 2] as string)]);
  writing = false;
  await reader;
  assert.deepEqual(
    [...seen].filter((text) => text !== versions[0] && text !== versions[1]),
    [],
  );
});

test("createDirectories puts whole directories in place and never touches one that exists", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  const wanted = (name: string) => ({
    path: `${CERTS}/${name}`,
    files: [rendered(`${CERTS}/${name}/hosts.toml`, name), rendered(`${CERTS}/${name}/key`, "k", 0o600)],
  });
  await files.createDirectories([wanted("a"), wanted("b")]);
  assert.deepEqual(readdirSync(join(root, CERTS)).sort(), ["a", "b"]);
  assert.equal(statSync(join(root, CERTS, "a")).mode & 0o777, 0o755);
  assert.equal(statSync(join(root, CERTS, "a/key")).mode & 0o777, 0o600);
  mkdirSync(join(root, CERTS, "c"));
  await assert.rejects(files.createDirectories([wanted("c"), wanted("d")]), { code: "changed" });
  assert.deepEqual(readdirSync(join(root, CERTS, "c")), []);
  assert.deepEqual(readdirSync(join(root, CERTS)).sort(), ["a", "b", "c", "d"]);
});

test("createDirectories does not replace an empty directory made while it was writing", async (t) => {
  const root = scratch(t);
  const temporarySuffix = (): string => {
    // rename(2) would take the place of an empty directory without a word.
    mkdirSync(join(root, "c/gcr.io"), { recursive: true });
    return "0123456789ab";
  };
  const files = createFiles({ root, temporarySuffix });
  const wanted = { path: "/c/gcr.io", files: [rendered("/c/gcr.io/hosts.toml", "x")] };
  await assert.rejects(files.createDirectories([wanted]), { code: "changed", retryable: true });
  assert.deepEqual(readdirSync(join(root, "c")), ["gcr.io"]);
  assert.deepEqual(readdirSync(join(root, "c/gcr.io")), []);
});

test("removeDirectories takes files and links along, and refuses what it does not understand", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  await files.createDirectories([
    { path: `${CERTS}/a`, files: [rendered(`${CERTS}/a/hosts.toml`, "a")] },
    { path: `${CERTS}/b`, files: [rendered(`${CERTS}/b/hosts.toml`, "b")] },
  ]);
  mkdirSync(join(root, CERTS, "b/deeper"));
  writeFileSync(join(root, "theirs"), "t");
  symlinkSync(join(root, "theirs"), join(root, CERTS, "a/link"));
  await files.removeDirectories([`${CERTS}/a`, `${CERTS}/absent`]);
  assert.deepEqual(readdirSync(join(root, CERTS)), ["b"]);
  assert.equal(readFileSync(join(root, "theirs"), "utf8"), "t");
  await assert.rejects(files.removeDirectories([`${CERTS}/b`]), { code: "not-empty" });
  assert.deepEqual(readdirSync(join(root, CERTS, "b")).sort(), ["deeper", "hosts.toml"]);
});

test("removeEmptyDirectory leaves all that is not an empty directory", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  for (const name of ["empty", "full", "target"]) mkdirSync(join(root, name));
  writeFileSync(join(root, "full/theirs"), "x");
  writeFileSync(join(root, "file"), "x");
  symlinkSync("target", join(root, "link"));
  for (const name of ["empty", "full", "file", "link", "absent", "absent/below"])
    await files.removeEmptyDirectory(`/${name}`);
  assert.deepEqual(readdirSync(root).sort(), ["file", "full", "link", "target"]);
});

test("remove ignores what is absent", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  await files.write([rendered("/d/a", "a"), rendered("/d/b", "b")]);
  await files.remove(["/d/a", "/d/absent", "/nowhere/x", "/d/a/below-a-file"]);
  assert.deepEqual(readdirSync(join(root, "d")), ["b"]);
});

test("sweep removes our strays, two levels deep, and nothing that only looks like them", async (t) => {
  const root = scratch(t);
  const at = (path: string): string => join(root, CERTS, path);
  mkdirSync(at("gcr.io"), { recursive: true });
  mkdirSync(at(".quay.io.mirrorlet-tmp-0123456789ab"));
  writeFileSync(at(".quay.io.mirrorlet-tmp-0123456789ab/hosts.toml"), "x");
  const kept = [
    "gcr.io/hosts.toml",
    "gcr.io/.hosts.toml.mirrorlet-tmp-0123",
    "gcr.io/hosts.toml.mirrorlet-tmp-0123456789ab",
    "gcr.io/.hosts.toml.mirrorlet-tmp-0123456789ab.bak",
  ];
  const strays = ["gcr.io/.hosts.toml.mirrorlet-tmp-0123456789ab", ".x.mirrorlet-tmp-ffffffffffff"];
  for (const name of [...kept, ...strays]) writeFileSync(at(name), "x");
  symlinkSync("/nowhere", at(".link.mirrorlet-tmp-0123456789ab"));
  await createFiles({ root }).sweep(CERTS);
  assert.deepEqual(readdirSync(join(root, CERTS)).sort(), [".link.mirrorlet-tmp-0123456789ab", "gcr.io"]);
  assert.deepEqual(
    readdirSync(at("gcr.io"))
      .map((name) => `gcr.io/${name}`)
      .sort(),
    [...kept].sort(),
  );
  await createFiles({ root }).sweep("/absent");
});

test("read follows links inside the root and says where the bytes are", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, "etc"));
  mkdirSync(join(root, "run"));
  symlinkSync("/run/real.toml", join(root, "etc/config.toml"));
  const files = createFiles({ root });
  assert.equal(await files.read("/etc/config.toml"), undefined);
  writeFileSync(join(root, "run/real.toml"), "x");
  chmodSync(join(root, "run/real.toml"), 0o640);
  const file = await files.read("/etc/config.toml");
  assert.equal(file?.path, "/etc/config.toml");
  assert.equal(file.realPath, "/run/real.toml");
  assert.equal(file.mode, 0o640);
  assert.equal(Buffer.from(file.bytes).toString(), "x");
  await assert.rejects(files.read("/etc"), { code: "is-directory" });
  symlinkSync("loop", join(root, "etc/loop"));
  await assert.rejects(files.read("/etc/loop"), { code: "symlink-loop" });
});

test("replace writes through a link and keeps the mode", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, "etc"));
  mkdirSync(join(root, "run"));
  writeFileSync(join(root, "run/real.toml"), "old");
  chmodSync(join(root, "run/real.toml"), 0o640);
  symlinkSync("../run/real.toml", join(root, "etc/config.toml"));
  const files = createFiles({ root });
  await files.replace("/etc/config.toml", Buffer.from("new"), Buffer.from("old"));
  assert.equal(readlinkSync(join(root, "etc/config.toml")), "../run/real.toml");
  assert.equal(readFileSync(join(root, "run/real.toml"), "utf8"), "new");
  assert.equal(statSync(join(root, "run/real.toml")).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(join(root, "run")), ["real.toml"]);
});

test("replace rejects when the bytes are not the expected ones, and creates only where nothing was expected", async (t) => {
  const root = scratch(t);
  const files = createFiles({ root });
  const bytes = Buffer.from("new");
  await files.replace("/etc/config.toml", bytes, undefined);
  assert.equal(statSync(join(root, "etc/config.toml")).mode & 0o777, 0o600);
  const changed = { code: "changed", retryable: true };
  await assert.rejects(files.replace("/etc/config.toml", bytes, undefined), changed);
  await assert.rejects(files.replace("/etc/config.toml", bytes, Buffer.from("other")), changed);
  await assert.rejects(files.replace("/etc/absent", bytes, Buffer.from("x")), changed);
  assert.deepEqual(readdirSync(join(root, "etc")), ["config.toml"]);
});

test("replace notices a change made while it was writing", async (t) => {
  const root = scratch(t);
  const path = join(root, "config.toml");
  writeFileSync(path, "old");
  let calls = 0;
  const temporarySuffix = (): string => {
    // Asked for between the first look and the rename: the moment another program edits the file.
    if (calls++ === 0) writeFileSync(path, "edited");
    return "0123456789ab";
  };
  const files = createFiles({ root, temporarySuffix });
  await assert.rejects(files.replace("/config.toml", Buffer.from("new"), Buffer.from("old")), {
    code: "changed",
  });
  assert.equal(readFileSync(path, "utf8"), "edited");
  assert.deepEqual(readdirSync(root), ["config.toml"]);
});

test("readTree sees two levels, follows links as containerd does, and names what it did not read", async (t) => {
  const root = scratch(t);
  const at = (path: string): string => join(root, CERTS, path);
  mkdirSync(at("gcr.io/deep"), { recursive: true });
  writeFileSync(at("gcr.io/hosts.toml"), "one");
  writeFileSync(at("gcr.io/big"), Buffer.alloc(1024 * 1024 + 1));
  writeFileSync(at("gcr.io/.hosts.toml.mirrorlet-tmp-0123456789ab"), "stray");
  writeFileSync(at("top"), "two");
  symlinkSync("gcr.io", at("linked"));
  symlinkSync("nowhere", at("dangling"));
  const files = createFiles({ root });
  const tree = await files.readTree(CERTS);
  assert.equal(tree.exists, true);
  assert.deepEqual(tree.directories, [`${CERTS}/gcr.io`, `${CERTS}/linked`]);
  assert.deepEqual(
    tree.files.map((file) => [file.path, file.realPath, Buffer.from(file.bytes).toString()]),
    [
      [`${CERTS}/gcr.io/hosts.toml`, `${CERTS}/gcr.io/hosts.toml`, "one"],
      [`${CERTS}/linked/hosts.toml`, `${CERTS}/gcr.io/hosts.toml`, "one"],
      [`${CERTS}/top`, `${CERTS}/top`, "two"],
    ],
  );
  assert.deepEqual(tree.others.map((other) => other.path).sort(), [
    `${CERTS}/dangling`,
    `${CERTS}/gcr.io/big`,
    `${CERTS}/gcr.io/deep`,
    `${CERTS}/linked/big`,
    `${CERTS}/linked/deep`,
  ]);
  assert.equal((await files.readTree("/absent")).exists, false);
});

test("readTree sees a file changed in place to the same length, at once and after it was remembered", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, "c/h"), { recursive: true });
  const path = join(root, "c/h/hosts.toml");
  const files = createFiles({ root });
  const read = async (): Promise<string> =>
    Buffer.from((await files.readTree("/c")).files[0]?.bytes ?? []).toString();
  writeFileSync(path, "one");
  assert.equal(await read(), "one");
  writeFileSync(path, "two");
  assert.equal(await read(), "two");
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(await read(), "two");
  writeFileSync(path, "six");
  assert.equal(await read(), "six");
  assert.ok(existsSync(path));
});

test("readTree that remembers sees what a first look sees, whatever was changed meanwhile", async (t) => {
  const root = scratch(t);
  const at = (path: string): string => join(root, CERTS, path);
  mkdirSync(at("a"), { recursive: true });
  mkdirSync(at("b"));
  writeFileSync(at("a/hosts.toml"), "one");
  const files = createFiles({ root });
  const changes: readonly (() => void)[] = [
    () => writeFileSync(at("a/hosts.toml"), "two"),
    () => writeFileSync(at("a/ca.pem"), "pem"),
    () => chmodSync(at("a/ca.pem"), 0o600),
    () => mkdirSync(at("c")),
    () => symlinkSync("a", at("d")),
    () => replaceLink("b", at("d")),
    () => writeFileSync(at("b/hosts.toml"), "through the link"),
    () => replaceLink("a/hosts.toml", at("d")),
    () => linkSync(at("a/hosts.toml"), at("b/same")),
    () => replaceLink("b/same", at("d")),
    () => replaceLink("nowhere", at("d")),
    () => [rmSync(at("d")), mkdirSync(at("d")), writeFileSync(at("d/hosts.toml"), "no link")],
    () => renameSync(at("b"), at("e")),
    () => rmSync(at("a/ca.pem")),
    () => mkdirSync(at("a/ca.pem")),
    () => writeFileSync(at("f"), "a file"),
    () => [rmSync(at("f")), mkdirSync(at("f")), writeFileSync(at("f/hosts.toml"), "a directory now")],
    () => [rmSync(at("a"), { recursive: true }), renameSync(at("e"), at("a"))],
    () => renameSync(join(root, CERTS), join(root, "elsewhere")),
    () => symlinkSync("../../elsewhere", join(root, CERTS)),
    () => writeFileSync(at("a/hosts.toml"), "elsewhere"),
  ];
  for (const settled of [false, true]) {
    for (const [index, change] of changes.entries()) {
      if (settled) await new Promise((resolve) => setTimeout(resolve, 120));
      await files.readTree(CERTS);
      change();
      const [remembering, first] = [await files.readTree(CERTS), await createFiles({ root }).readTree(CERTS)];
      assert.deepEqual(remembering, first, `after change ${index}`);
    }
    rmSync(join(root, "elsewhere"), { recursive: true });
    rmSync(join(root, CERTS));
    mkdirSync(at("a"), { recursive: true });
    mkdirSync(at("b"));
    writeFileSync(at("a/hosts.toml"), "one");
  }
});

function replaceLink(target: string, path: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readDesiredStateSources, SOURCE_LIMITS } from "../../src/edge/read-desired-state-sources.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mirrorlet-read-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function texts(paths: readonly string[], root = ""): Promise<Record<string, string>> {
  const read = await readDesiredStateSources(paths, { root, trust: "owner" });
  if (!read.ok) assert.fail(JSON.stringify(read.issues));
  return Object.fromEntries(read.files.map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)]));
}

async function refusal(path: string, trust: "owner" | "anyone" = "owner", root = ""): Promise<string> {
  const read = await readDesiredStateSources([path], { root, trust });
  if (read.ok) assert.fail("it was read");
  return read.issues.map(({ code, at, message }) => `${code} ${at.file} ${message}`).join("\n");
}

test("files, and the sorted sources of a directory, under the names they were given by", async (t) => {
  const base = await folder(t);
  await mkdir(join(base, "d"));
  for (const name of ["b.yaml", "a.json", "c.yml", "x.txt", ".h.yaml"])
    await writeFile(join(base, "d", name), name);
  await writeFile(join(base, "one.anything"), "1");
  const read = await texts([join(base, "one.anything"), join(base, "d")]);
  assert.deepEqual(Object.entries(read), [
    [join(base, "one.anything"), "1"],
    [join(base, "d/a.json"), "a.json"],
    [join(base, "d/b.yaml"), "b.yaml"],
    [join(base, "d/c.yml"), "c.yml"],
  ]);
});

test("a Kubernetes volume is read through its links", async (t) => {
  const base = await folder(t);
  await mkdir(join(base, "..2026"));
  await writeFile(join(base, "..2026/s.yaml"), "x");
  await symlink("..2026", join(base, "..data"));
  await symlink("..data/s.yaml", join(base, "s.yaml"));
  assert.deepEqual(await texts([base]), { [join(base, "s.yaml")]: "x" });
});

test("below a root names stay as given, links and .. stay inside", async (t) => {
  const root = await folder(t);
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "target"), "inside");
  await symlink("/target", join(root, "etc/absolute.yaml"));
  await symlink("../../../../target", join(root, "etc/climbing.yaml"));
  assert.deepEqual(await texts(["/etc/absolute.yaml", "/etc/climbing.yaml"], root), {
    "/etc/absolute.yaml": "inside",
    "/etc/climbing.yaml": "inside",
  });
});

test("who else can write the file, its directory or the link's directory is refused", async (t) => {
  const base = await folder(t);
  await mkdir(join(base, "d"));
  const file = join(base, "d/s.yaml");
  await writeFile(file, "x");
  await symlink("d/s.yaml", join(base, "link"));
  for (const mode of [0o664, 0o646, 0o622]) {
    await chmod(file, mode);
    assert.match(
      await refusal(file),
      /^file-untrusted .*s\.yaml can be written by users other than its owner \(mode 06/,
    );
    const read = await readDesiredStateSources([file], { root: "", trust: "anyone" });
    assert.ok(read.ok, "looking at it is allowed");
  }
  await chmod(file, 0o444);
  for (const mode of [0o775, 0o757]) {
    await chmod(join(base, "d"), mode);
    assert.match(await refusal(file), /\/d can be written by users other than its owner/);
    assert.match(await refusal(join(base, "link")), /\/d can be written/);
  }
  await chmod(join(base, "d"), 0o1777);
  await texts([file]);
});

test("a foreign owner of file, link or directory is refused", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const base = await folder(t);
  await mkdir(join(base, "d"));
  const file = join(base, "d/s.yaml");
  await writeFile(file, "x");
  await symlink("d/s.yaml", join(base, "link"));
  await chown(file, 65534, 65534);
  assert.match(await refusal(file), /s\.yaml belongs to user 65534: whoever can change it chooses where/);
  await chown(file, 0, 0);
  await chown(join(base, "d"), 65534, 0);
  assert.match(await refusal(file), /\/d belongs to user 65534/);
  await chown(join(base, "d"), 0, 0);
  execFileSync("chown", ["-h", "65534", join(base, "link")]);
  assert.match(await refusal(join(base, "link")), /link belongs to user 65534/);
});

test("what is no file is refused at once, without waiting for a writer", async (t) => {
  const base = await folder(t);
  execFileSync("mkfifo", [join(base, "pipe")]);
  assert.match(await refusal(join(base, "pipe")), /^file-kind .* a pipe, socket or device/);
  assert.match(await refusal("/dev/zero", "anyone"), /^file-kind/);
  assert.match(await refusal(base), /^directory-empty/);
  await mkdir(join(base, "x.yaml"));
  assert.match(await refusal(base), /^file-kind .*\/x\.yaml this is a directory/);
});

test("missing files, parents and link targets are named", async (t) => {
  const base = await folder(t);
  await symlink("nowhere/s.yaml", join(base, "link"));
  await symlink("loop", join(base, "loop"));
  assert.match(await refusal(join(base, "a/b.yaml")), /^file-missing .*\/a\/b\.yaml there is no .*\/a$/);
  assert.match(await refusal(join(base, "link")), /^file-missing .*\/link there is no .*\/nowhere$/);
  assert.match(await refusal(join(base, "loop")), /^file-unreadable .*too many links/);
});

test("4 MiB are read, one byte more is not", async (t) => {
  const file = join(await folder(t), "s.yaml");
  await writeFile(file, "");
  await truncate(file, 4 * 2 ** 20);
  assert.equal((await texts([file]))[file]?.length, 4 * 2 ** 20);
  await truncate(file, 4 * 2 ** 20 + 1);
  assert.match(await refusal(file), /^file-too-large .*4 MiB/);
  await truncate(file, 2 ** 40);
  assert.match(await refusal(file), /^file-too-large/);
});

test("many files that are each small enough are still bounded together", async (t) => {
  const base = await folder(t);
  for (let i = 0; i < 5; i++) {
    await writeFile(join(base, `${i}.yaml`), "");
    await truncate(join(base, `${i}.yaml`), 4 * 2 ** 20);
  }
  assert.match(await refusal(base), /^input-too-large .*4\.yaml .*16 MiB/);
});

test("one bad file spoils the whole, and every bad one is named", async (t) => {
  const base = await folder(t);
  for (const name of ["a.yaml", "b.yaml", "c.yaml"]) await writeFile(join(base, name), "x");
  await chmod(join(base, "a.yaml"), 0o666);
  await chmod(join(base, "c.yaml"), 0o666);
  assert.match(await refusal(base), /a\.yaml.*\n.*c\.yaml/);
});

test("a file that is replaced all the time is always read whole", async (t) => {
  const file = join(await folder(t), "s.yaml");
  const contents = ["a".repeat(50_000), "b".repeat(90_000)];
  await writeFile(file, contents[0] ?? "");
  let done = false;
  const writer = (async () => {
    for (let i = 0; !done; i++) {
      await writeFile(`${file}.tmp`, contents[i % 2] ?? "");
      await rename(`${file}.tmp`, file);
    }
  })();
  for (let i = 0; i < 200; i++) assert.ok(contents.includes((await texts([file]))[file] ?? ""));
  done = true;
  await writer;
});

const MOST = SOURCE_LIMITS.totalBytes / SOURCE_LIMITS.fileBytes;
/** Sizes of the files in a directory. */
const LIMITED: Readonly<Record<keyof typeof SOURCE_LIMITS, (count: number) => readonly number[]>> = {
  fileBytes: (count) => [count],
  totalBytes: (count) => [
    ...Array.from({ length: MOST - 1 }, () => SOURCE_LIMITS.fileBytes - 1),
    count - (MOST - 1) * (SOURCE_LIMITS.fileBytes - 1) - 4,
    4,
  ],
  files: (count) => Array.from({ length: count }, () => 1),
};

for (const [name, sizesOf] of Object.entries(LIMITED)) {
  test(`${name}: what is within the limit is read, one more is refused whole`, async (t) => {
    const limit = SOURCE_LIMITS[name as keyof typeof SOURCE_LIMITS];
    for (const count of [limit - 1, limit, limit + 1]) {
      const base = await folder(t);
      for (const [i, size] of sizesOf(count).entries())
        await writeFile(join(base, `${i}.yaml`.padStart(9, "0")), Buffer.alloc(size, "#"));
      const read = await readDesiredStateSources([base], { root: "", trust: "owner" });
      assert.equal(read.ok, count <= limit, `${count}: ${JSON.stringify(read.ok || read.issues)}`);
    }
  });
}

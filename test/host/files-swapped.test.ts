import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { HostError } from "../../src/agent/ports.ts";
import { createFiles } from "../../src/host/files.ts";
import { acquireLock } from "../../src/host/lock.ts";
import { nobody, nobodySkipReason } from "../support/client-as-nobody.ts";
import { rendered, scratch, undo } from "./scratch.ts";

const CERTS = "/etc/containerd/certs.d";
const STATE = "/var/lib/mirrorlet";
const ROUNDS = 150;

/** Exchanges a directory and a link to `outside` as fast as it can, as who owns the directory above may. */
const swapper = `
const { renameSync, symlinkSync, mkdirSync, rmSync } = require("node:fs");
const [at, outside] = process.argv.slice(1);
process.stdout.write("x");
for (;;) {
  try { renameSync(at, at + ".aside"); } catch {}
  try { symlinkSync(outside, at); } catch {}
  try { rmSync(at, { force: true }); } catch {}
  try { renameSync(at + ".aside", at); } catch { try { mkdirSync(at); } catch {} }
}`;

async function swapping(t: TestContext, at: string, outside: string): Promise<void> {
  const child = spawn(process.execPath, ["-e", swapper, at, outside], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  undo(t, () => child.kill("SIGKILL"));
  await once(child.stdout, "data");
}

/** A directory that must stay as it is, with names in it that are written and removed elsewhere. */
function victim(root: string): { readonly path: string; assertUntouched(): void } {
  const path = join(root, "victim");
  const names = ["apply-record.json", "ca.pem", "hosts.toml", ".x.mirrorlet-tmp-000000000000"];
  mkdirSync(path);
  for (const name of names) writeFileSync(join(path, name), "theirs");
  return {
    path,
    assertUntouched() {
      assert.deepEqual(readdirSync(path).sort(), names.toSorted());
      for (const name of names) assert.equal(readFileSync(join(path, name), "utf8"), "theirs");
    },
  };
}

/** Only what the attacker brings about may go wrong. */
async function tolerantly(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    assert.ok(error instanceof HostError, String(error));
    return false;
  }
}

for (const [where, directory] of [
  ["a host directory", `${CERTS}/gcr.io`],
  ["the state's directory of originals", `${STATE}/original`],
] as const)
  test(`writes and removals stay inside while ${where} is swapped for a link all the time`, async (t) => {
    const root = scratch(t);
    const outside = victim(root);
    mkdirSync(join(root, directory), { recursive: true });
    const files = createFiles({ root, confined: [CERTS, STATE] });
    await swapping(t, join(root, directory), outside.path);
    let written = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = ["hosts.toml", "ca.pem", "apply-record.json"].map((name) =>
        rendered(`${directory}/${name}`, "ours"),
      );
      if (await tolerantly(files.write(wanted))) written++;
      await tolerantly(files.remove(wanted.map(({ path }) => path)));
      await tolerantly(files.sweep(directory.slice(0, directory.lastIndexOf("/"))));
      if (round % 5 === 0) await tolerantly(files.removeDirectories([directory]));
      outside.assertUntouched();
    }
    t.diagnostic(`${ROUNDS} rounds against a swapper, ${written} writes got through, none outside`);
  });

test("a directory that is made is not filled through a link that took its place", async (t) => {
  const root = scratch(t);
  const outside = victim(root);
  mkdirSync(join(root, CERTS), { recursive: true });
  // The temporary name is known to the attacker, who need not even guess.
  const files = createFiles({ root, temporarySuffix: () => "00000000000a" });
  await swapping(t, join(root, CERTS, ".gcr.io.mirrorlet-tmp-00000000000a"), outside.path);
  for (let round = 0; round < ROUNDS; round++) {
    const path = `${CERTS}/gcr.io`;
    await tolerantly(files.createDirectories([{ path, files: [rendered(`${path}/new.pem`, "ours")] }]));
    await tolerantly(files.removeDirectories([path]));
    await tolerantly(files.sweep(CERTS));
    outside.assertUntouched();
  }
});

test("links at every level of a confined directory lead nowhere else", async (t) => {
  const root = scratch(t);
  const outside = victim(root);
  mkdirSync(join(root, CERTS), { recursive: true });
  mkdirSync(join(root, STATE), { recursive: true });
  symlinkSync("/victim", join(root, CERTS, "gcr.io"));
  symlinkSync("/victim", join(root, STATE, "original"));
  symlinkSync("/victim/hosts.toml", join(root, STATE, "apply-record.json"));
  mkdirSync(join(root, CERTS, "quay.io"));
  symlinkSync("/victim", join(root, CERTS, "quay.io/deeper"));
  const files = createFiles({ root, confined: [CERTS, STATE] });
  const below = [
    `${CERTS}/gcr.io/hosts.toml`,
    `${STATE}/original/index.json`,
    `${CERTS}/quay.io/deeper/ca.pem`,
  ];
  for (const path of below) {
    assert.equal(await tolerantly(files.write([rendered(path, "ours")])), false, path);
    await tolerantly(files.remove([path]));
  }
  await files.write([rendered(`${STATE}/apply-record.json`, "ours")]);
  await files.sweep(CERTS);
  await files.sweep(STATE);
  await assert.rejects(files.removeDirectories([`${CERTS}/gcr.io`]), { code: "not-a-directory" });
  outside.assertUntouched();
});

test("root reads through another user's link only what is that user's", {
  skip: nobodySkipReason,
}, async (t) => {
  const root = scratch(t);
  const directory = join(root, CERTS, "gcr.io");
  mkdirSync(directory, { recursive: true });
  chownSync(directory, nobody, nobody);
  writeFileSync(join(root, "secret"), "root's", { mode: 0o600 });
  writeFileSync(join(root, "own"), "theirs");
  chownSync(join(root, "own"), nobody, nobody);
  for (const [name, target] of [
    ["secret.pem", "/secret"],
    ["own.pem", "/own"],
  ] as const) {
    symlinkSync(target, join(directory, name));
    lchownSync(join(directory, name), nobody, nobody);
  }
  symlinkSync("/secret", join(directory, "roots.pem"));
  const files = createFiles({ root });
  await assert.rejects(files.read(`${CERTS}/gcr.io/secret.pem`), { code: "symlink" });
  assert.equal(Buffer.from((await files.read(`${CERTS}/gcr.io/own.pem`))?.bytes ?? []).toString(), "theirs");
  assert.equal(
    Buffer.from((await files.read(`${CERTS}/gcr.io/roots.pem`))?.bytes ?? []).toString(),
    "root's",
  );
  const tree = await files.readTree(CERTS);
  assert.deepEqual(
    tree.files.map(({ path }) => path.slice(CERTS.length)),
    ["/gcr.io/own.pem", "/gcr.io/roots.pem"],
  );
  assert.match(
    tree.others[0]?.reason ?? "",
    /a symbolic link of user 65534 leads to a file that is not theirs/,
  );
});

test("the lock is taken on a file of its own: no link is followed, nothing is emptied", (t) => {
  const root = scratch(t);
  mkdirSync(join(root, STATE), { recursive: true });
  writeFileSync(join(root, "theirs"), "theirs");
  symlinkSync("../../../theirs", join(root, STATE, "lock"));
  assert.throws(() => acquireLock(`${STATE}/lock`, root), { name: "HostError" });
  assert.equal(readFileSync(join(root, "theirs"), "utf8"), "theirs");
});

test("no path leads out of certs.d, whatever is in it", async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, CERTS), { recursive: true });
  for (const name of ["gcr.io", "hosts.toml"]) writeFileSync(join(root, "etc", name), "theirs");
  const files = createFiles({ root });
  const part = fc.oneof(
    fc.constantFrom(
      "..",
      ".",
      "",
      "gcr.io",
      "hosts.toml",
      "_default",
      "%2e%2e",
      "..%2f",
      "\u202e",
      "~",
      "-rf",
    ),
    fc.string({ minLength: 1, maxLength: 12 }),
  );
  const parts = fc.array(part, { minLength: 1, maxLength: 6 });
  let written = 0;
  await fc.assert(
    fc.asyncProperty(parts, async (names) => {
      const path = `${CERTS}/${names.join("/")}`;
      // Thrown at once for what the system cannot take as a path at all, such as NUL.
      const attempt = (work: Promise<void>): Promise<boolean> =>
        work.then(
          () => true,
          () => false,
        );
      if (await attempt(files.write([rendered(path, "ours")]))) written++;
      await attempt(files.createDirectories([{ path, files: [rendered(`${path}/hosts.toml`, "ours")] }]));
      await attempt(files.remove([path]));
      await attempt(files.removeDirectories([path]));
      assert.deepEqual(readdirSync(root), ["etc"]);
      assert.deepEqual(readdirSync(join(root, "etc")).sort(), ["containerd", "gcr.io", "hosts.toml"]);
      assert.deepEqual(readdirSync(join(root, "etc/containerd")), ["certs.d"]);
    }),
    { numRuns: 300 },
  );
  assert.ok(written > 20, "plain names are written");
  t.diagnostic(`300 paths, ${written} of them written, none outside`);
});

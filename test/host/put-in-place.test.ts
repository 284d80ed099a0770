import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { exchangeFiles } from "../../src/host/exchange-files.ts";
import { putInPlace } from "../../src/host/put-in-place.ts";
import { scratch } from "./scratch.ts";

/** What others may do between our last look and our write, which rename(2) would not notice. */
const EDITS: Readonly<Record<string, (target: string) => void>> = {
  "written in place": (target) => writeFileSync(target, "theirs"),
  "emptied, about to be written": (target) => writeFileSync(target, ""),
  "written to the same length": (target) => writeFileSync(target, "OLD"),
  "appended to": (target) => appendFileSync(target, "# more\n"),
  "replaced by rename": (target) => {
    writeFileSync(`${target}.theirs`, "theirs");
    renameSync(`${target}.theirs`, target);
  },
  "replaced by a link to the same bytes": (target) => {
    renameSync(target, `${target}.moved`);
    symlinkSync(`${target}.moved`, target);
  },
  "given another mode": (target) => chmodSync(target, 0o600),
};

for (const [what, edit] of Object.entries(EDITS)) {
  test(`${what} between the last look and the write: theirs stands`, async (t) => {
    const { root, target, placement } = prepared(t);
    let theirs = "";
    const look = (): void => {
      edit(target);
      theirs = describe(target);
    };
    if (!(await canExchange(t))) return;
    assert.equal(await putInPlace({ ...placement, look }), false);
    assert.equal(describe(target), theirs);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith(".")),
      [],
    );
  });
}

test("a file that somebody creates meanwhile is not replaced; one that is created has all its bytes", async (t) => {
  const { target, placement, temporary } = prepared(t);
  const creating = { ...placement, expected: undefined };
  assert.equal(await putInPlace({ ...creating, look: () => {} }), false);
  assert.equal(readFileSync(target, "utf8"), "old");
  rmSync(target);
  assert.equal(await putInPlace({ ...creating, look: () => {} }), true);
  assert.equal(readFileSync(target, "utf8"), "new");
  assert.equal(statSync(target).nlink, 1);
  assert.equal(existsSync(temporary), false);
});

test("a file that somebody removes meanwhile is not made anew", async (t) => {
  const { target, placement } = prepared(t);
  const look = (): void => {
    if (!existsSync(target)) throw new Error("gone");
    rmSync(target);
  };
  await assert.rejects(putInPlace({ ...placement, look }), /gone/);
  assert.equal(existsSync(target), false);
});

function prepared(t: TestContext) {
  const root = scratch(t);
  const target = join(root, "config.toml");
  const temporary = join(root, ".config.toml.mirrorlet-tmp-000000000000");
  writeFileSync(target, "old", { mode: 0o644 });
  writeFileSync(temporary, "new", { mode: 0o644 });
  const expected = { bytes: Buffer.from("old"), stats: statSync(target) };
  return { root, target, temporary, placement: { temporary, target, bytes: Buffer.from("new"), expected } };
}

async function canExchange(t: TestContext): Promise<boolean> {
  const root = scratch(t);
  for (const name of ["one", "other"]) writeFileSync(join(root, name), name);
  const can = await exchangeFiles(join(root, "one"), join(root, "other"), Buffer.from("other"));
  if (can === "exchanged") return true;
  t.skip("files cannot be exchanged here");
  return false;
}

function describe(path: string): string {
  return `${lstatSync(path).mode} ${readFileSync(path, "utf8")}`;
}

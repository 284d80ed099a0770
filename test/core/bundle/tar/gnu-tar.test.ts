import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { BundleError } from "../../../../src/core/bundle/bundle-error.ts";
import { walkBytes } from "../../../support/walk-bytes.ts";

const scratch = mkdtempSync(join(tmpdir(), "mirrorlet-tar-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const version = spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout ?? "";
const skip = version.includes("GNU tar") ? false : "no GNU tar on this machine";

const KINDS: Readonly<Record<string, string>> = { file: "-", hardlink: "h", symlink: "l", directory: "d" };

/** `kind size name` of every entry, as GNU tar sees them; undefined: it complains. */
function gnuList(archive: string): readonly string[] | undefined {
  const args = ["--list", "--verbose", "--numeric-owner", "--quoting-style=escape", "-P", "--file", archive];
  const run = spawnSync("tar", args, {
    encoding: "utf8",
    env: { LC_ALL: "C.UTF-8", PATH: process.env["PATH"] },
  });
  if (run.status !== 0 || run.stderr !== "") return undefined;
  return run.stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [, kind = "", size = "", rest = ""] = /^(.)\S* +\S+ +(\S+) \S+ \S+ (.*)$/.exec(line) ?? [];
      const name = rest.replace(kind === "h" ? / link to .*$/ : kind === "l" ? / -> .*$/ : /$^/, "");
      return `${kind} ${kind === "-" ? size : 0} ${name}`;
    });
}

function ourList(bytes: Uint8Array): readonly string[] {
  return walkBytes(bytes).entries.map(({ kind, size, name }) => {
    const escaped = name.replaceAll("\\", "\\\\"); // No other character of these names is escaped.
    return `${KINDS[kind] ?? "?"} ${size} ${escaped}`;
  });
}

const part = fc
  .stringMatching(/^[a-zäß€😀_. \\-]{1,120}$/u)
  .filter((name) => !/^\.{1,2}$/.test(name) && Buffer.byteLength(name) < 250);
const file = fc.record({
  path: fc.array(part, { minLength: 1, maxLength: 4 }),
  size: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(511, 512, 513, 10_240)),
  link: fc.constantFrom("none", "hard", "soft"),
});
const FORMATS = ["v7", "oldgnu", "gnu", "ustar", "posix"] as const;

test("archives that GNU tar makes are read as GNU tar reads them", { skip }, () => {
  let round = 0;
  fc.assert(
    fc.property(
      fc.array(file, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...FORMATS),
      (files, format) => {
        const dir = join(scratch, String(round++));
        mkdirSync(join(dir, "in"), { recursive: true });
        for (const { path, size, link } of files) makeFile(join(dir, "in"), path, size, link);
        const archive = join(dir, "a.tar");
        const made = spawnSync("tar", [
          "--create",
          `--format=${format}`,
          "--sort=name",
          "--file",
          archive,
          "-C",
          dir,
          "in",
        ]);
        fc.pre(made.status === 0); // Old formats have no room for long names.
        const expected = gnuList(archive);
        assert.ok(expected !== undefined && expected.length > 0);
        assert.deepEqual(ourList(readFileSync(archive)), expected);
        rmSync(dir, { recursive: true });
      },
    ),
    { numRuns: 50 },
  );
});

test("of a broken archive nothing is read that GNU tar would not read so", { skip }, () => {
  const dir = join(scratch, "broken");
  mkdirSync(join(dir, "in"), { recursive: true });
  for (const [at, name] of ["a", "b".repeat(120), "c", "d"].entries())
    makeFile(join(dir, "in"), [name], at * 300, "hard");
  const seeds = FORMATS.slice(1).map((format) => {
    const archive = join(dir, `${format}.tar`);
    spawnSync("tar", ["--create", `--format=${format}`, "--file", archive, "-C", dir, "in"]);
    return readFileSync(archive);
  });
  const change = fc.record({
    at: fc.nat(6_000),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0x30, 0x80, 0xff, 0)),
  });
  let read = 0;
  fc.assert(
    fc.property(
      fc.nat(seeds.length - 1),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.option(fc.nat(8_000), { freq: 4 }),
      (seed, changes, isRepaired, length) => {
        const bytes = Buffer.from(seeds[seed] ?? []);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        if (isRepaired) repairChecksums(bytes);
        const cut = length === null ? bytes : bytes.subarray(0, length);
        let ours: readonly string[];
        try {
          const { entries, end } = walkBytes(cut);
          const last = entries.at(-1);
          if (!end.isMarked || last === undefined || last.contentAt + last.size > cut.length) return;
          if (entries.some(({ kind, name }) => kind === "other" || !isPlain(name))) return;
          ours = ourList(cut);
        } catch (error) {
          assert.ok(error instanceof BundleError, String(error));
          return;
        }
        const archive = join(dir, "changed.tar");
        writeFileSync(archive, cut);
        const theirs = gnuList(archive);
        if (theirs === undefined) return; // It is stricter here, with times and owners.
        read += 1;
        assert.deepEqual(ours, theirs);
      },
    ),
    { numRuns: 1_500 },
  );
  assert.ok(read > 50, `only ${read} were read by both`);
});

/** What escapes do not change. */
function isPlain(name: string): boolean {
  return /^[\w/.-]+$/.test(name);
}

/** So that changes get past the checksum. */
function repairChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(0x20, 148, 156);
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
      "latin1",
    );
  }
}

function makeFile(root: string, path: readonly string[], size: number, link: string): void {
  const target = join(root, ...path);
  try {
    mkdirSync(join(target, ".."), { recursive: true });
    writeFileSync(target, Buffer.alloc(size, "x"), { flag: "wx" });
    if (link === "hard") linkSync(target, `${target}.hard`);
    if (link === "soft") symlinkSync("../x", `${target}.soft`);
  } catch {
    // Two of them were in each other's way.
  }
}

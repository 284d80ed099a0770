import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { layoutParts } from "../support/layout-parts.ts";
import { scratch } from "../support/opened-bundle.ts";
import { compress } from "../support/push-passing.ts";
import { startRegistry } from "../support/registry.ts";
import { tarOf } from "../support/tar.ts";
import { type CommandEnd, mirrorletEnvironment, mirrorletProgram } from "./support/mirrorlet.ts";

const skip = partSkipReason("docker-registry");
const images = { "gcr.io/a/one:1": buildImage({ layers: 2, bytesPerLayer: 200_000 }) };

/** A line of shell in a folder; `mirrorlet` in it is the program, which must not outlive a test that fails. */
function shell(line: string, cwd: string, more: Readonly<Record<string, string>> = {}): Promise<CommandEnd> {
  const env = { ...mirrorletEnvironment, HOME: cwd, ...more };
  const program = mirrorletProgram()
    .map((word) => `'${word}'`)
    .join(" ");
  const script = `set -o pipefail; mirrorlet() { timeout -k 5 120 ${program} "$@"; }; ${line}`;
  return new Promise((resolve) =>
    execFile("bash", ["-c", script], { env, cwd }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  );
}

for (const by of ["tar", "gzip"] as const)
  for (const [what, before, source, after] of [
    ["a named pipe", "mkfifo pipe; cat bundle > pipe & ", "pipe", ""],
    ["a pipe of the shell's", "", "<(cat bundle)", ""],
    ["standard input by its path", "cat bundle | ", "/dev/stdin", ""],
    ["a file on standard input by its path", "", "/dev/stdin", " < bundle"],
  ] as const)
    test(`${what} is a source, ${by}`, { skip }, async (context) => {
      const registry = await startRegistry();
      context.after(() => registry.stop());
      const folder = scratch(context);
      writeFileSync(join(folder, "bundle"), compress(tarOf(layoutParts(images)), by));
      for (const command of [`push --to ${registry.host} --plain-http`, "bundle ls", "bundle verify"]) {
        const ended = await shell(`rm -f pipe; ${before}mirrorlet ${command} ${source}${after}`, folder);
        assert.deepEqual([ended.code, ended.stderr], [0, command.startsWith("push") ? ended.stderr : ""]);
        assert.match(ended.stdout, /1 image/);
      }
    });

test("where no journal can be kept: told at once, and pushed all the same", { skip }, async (context) => {
  const registry = await startRegistry();
  context.after(() => registry.stop());
  const folder = scratch(context);
  writeFileSync(join(folder, "bundle"), compress(tarOf(layoutParts(images)), "gzip"));
  const pushing = `mirrorlet push bundle --to ${registry.host} --plain-http`;
  const ended = await shell(pushing, folder, { XDG_STATE_HOME: "/proc/nosuch" });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /no journal can be kept below \/proc\/nosuch\/mirrorlet\/push, .*: ENOENT/);
  assert.match(ended.stdout, /^1 image pushed to /);
});

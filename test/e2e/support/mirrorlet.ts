import { execFile } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program and its first arguments: the build when it is newer than every source, else the sources. */
export function mirrorletProgram(): readonly [string, ...string[]] {
  const built = join(repository, "dist/main.js");
  if (isUpToDate(built)) return [process.execPath, built];
  return [process.execPath, "--import", import.meta.resolve("tsx"), join(repository, "src/main.ts")];
}

/** Runs `mirrorlet ARGS` to its end, within a minute. Never rejects: an end by signal is code -1. */
export function runMirrorlet(args: readonly string[]): Promise<CommandEnd> {
  const [program, ...first] = mirrorletProgram();
  return new Promise((resolve) => {
    execFile(
      program,
      [...first, ...args],
      { env: mirrorletEnvironment, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** Nothing of the caller's: no proxy, no MIRRORLET_* setting, no colour. */
export const mirrorletEnvironment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

const repository = join(import.meta.dirname, "../../..");

function isUpToDate(built: string): boolean {
  const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return readdirSync(join(repository, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs < builtMs);
}

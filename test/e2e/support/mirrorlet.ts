import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../../../src/cli/program.ts";
import { composeCommands } from "../../../src/program/compose-commands.ts";

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `mirrorlet ARGS` to its end in this process: dozens of starts would take most of the tests' time. */
export async function runMirrorlet(args: readonly string[]): Promise<CommandEnd> {
  let stdout = "";
  let stderr = "";
  const output = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
  };
  const commands = composeCommands(({ json }) => ({ ...output, json, color: false }));
  const code = await runProgram(args, commands, output);
  return { code, stdout, stderr };
}

/** The program and its first arguments: the build when it is newer than every source, else the sources. */
export function mirrorletProgram(name: "main" | "helper" = "main"): readonly [string, ...string[]] {
  const built = join(repository, `dist/${name}.js`);
  if (isUpToDate(built)) return [process.execPath, built];
  return [process.execPath, "--import", import.meta.resolve("tsx"), join(repository, `src/${name}.ts`)];
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

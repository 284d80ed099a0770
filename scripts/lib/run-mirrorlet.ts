import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { program } from "./agent-process.ts";

/** Runs a command of this checkout's dist/; its stdout. Rejects, with what it wrote to stderr, when it fails. */
export async function runMirrorlet(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { timeout: 60_000 });
  return stdout;
}

/** The same for a command that says something by its exit code: never rejects because of it. */
export async function tryMirrorlet(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (error, stdout) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout }),
    );
  });
}

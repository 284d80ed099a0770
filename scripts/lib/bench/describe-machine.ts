import { execFile } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One line about what the figures depend on. */
export async function describeMachine(directory: string): Promise<string> {
  const [filesystem, commit] = await Promise.all([
    output("stat", ["--file-system", "--format=%T", directory]),
    output("git", ["describe", "--always", "--dirty"]),
  ]);
  const [cpu] = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return `${cpus().length} × ${cpu?.model.trim() || process.arch}, ${memory}, Linux ${release()}, ${filesystem}, Node ${process.versions.node}, commit ${commit}, ${new Date().toISOString().slice(0, 10)}`;
}

async function output(command: string, args: readonly string[]): Promise<string> {
  return (await run(command, args)).stdout.trim();
}

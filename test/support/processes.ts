import { readdir, readFile } from "node:fs/promises";

/** False for a zombie too: it has ended, and only waits for its parent. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await commandLine(pid)) !== "";
}

/** Pids of the processes whose command line contains the text. */
export async function processesNaming(text: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(pids.map(commandLine));
  return pids.filter((_pid, i) => lines[i]?.includes(text));
}

/** NULs between the arguments; empty when there is no such process. */
export function commandLine(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Measured {
  readonly wallMs: number;
  /** Of it and all its children. */
  readonly cpuMs: number;
  /** Resident at most, all its processes together but for decompressors, tar and the shell. */
  readonly peakBytes: number;
}

const PAGE = 4096;
const NOT_COUNTED = new Set(["bash", "xz", "zstd", "tar"]);

/** Runs a script of bash. Throws when it fails. */
export async function measureCommand(
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Measured> {
  const startMs = performance.now();
  const child = spawn("/bin/bash", ["-c", `set -euo pipefail\n${script}\ntimes >&3`], {
    env,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  let words = "";
  let times = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2_000);
  });
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    times += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let peakBytes = 0;
  while (!isOver) {
    peakBytes = Math.max(peakBytes, residentBytes(child.pid ?? 0));
    await Promise.race([ended, sleep(200)]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${script}\nended with ${code}: ${words}`);
  return { wallMs: performance.now() - startMs, cpuMs: cpuMs(times), peakBytes };
}

/** Of a session: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function residentBytes(session: number): number {
  let pages = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[3]) === session && !NOT_COUNTED.has(name)) pages += Number(fields[21]);
    } catch {
      // It has ended.
    }
  }
  return pages * PAGE;
}

/** `0m1.5s 0m0.2s` of the shell, then of its children. */
function cpuMs(times: string): number {
  const all = [...times.matchAll(/(\d+)m([\d.]+)s/g)];
  return all.reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0);
}

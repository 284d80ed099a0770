import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Measured {
  readonly seconds: number;
  /** Of all its processes, in seconds. */
  readonly cpu: number;
  /** Of all its processes at once, decoders (xz, zstd) left out, in bytes. */
  readonly memory: number;
  /** Of the decoders. */
  readonly decoderMemory: number;
  /** What has crossed the loopback device, in bytes. */
  readonly sent: number;
}

const LIMIT_MS = 900_000;
const PAGE = 4096;

/** Runs a script of bash; rejects with its last words where it fails. */
export async function measureCommand(
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Measured> {
  const before = crossed();
  const start = performance.now();
  const child = spawn("bash", ["-c", `set -euo pipefail\n${script}\ntimes`], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
  });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] = `${said[stream]}${text}`.slice(-4000);
    });
  const peak = { memory: 0, decoderMemory: 0 };
  let code: number | null | undefined;
  child.once("close", (status) => {
    code = status;
  });
  for (let seconds = 0; ; seconds = (performance.now() - start) / 1000) {
    if (code === 0) return { ...peak, seconds, cpu: childrensTime(said.stdout), sent: crossed() - before };
    if (code !== undefined) throw new Error(`${script}\nended with ${code}: ${said.stdout}\n${said.stderr}`);
    const now = residentBelow(child.pid ?? 0);
    peak.memory = Math.max(peak.memory, now.memory);
    peak.decoderMemory = Math.max(peak.decoderMemory, now.decoderMemory);
    await sleep(10);
  }
}

/** The last line of bash's `times`: of all children that have ended. */
function childrensTime(output: string): number {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  const times = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

function residentBelow(pid: number): { readonly memory: number; readonly decoderMemory: number } {
  const sum = { memory: 0, decoderMemory: 0 };
  const todo = [pid];
  for (let at = todo.pop(); at !== undefined; at = todo.pop())
    try {
      const name = readFileSync(`/proc/${at}/comm`, "utf8").trim();
      const pages = Number(readFileSync(`/proc/${at}/statm`, "utf8").split(" ")[1]);
      sum[name === "xz" || name === "zstd" ? "decoderMemory" : "memory"] += pages * PAGE;
      // A thread's children are its own.
      for (const thread of readdirSync(`/proc/${at}/task`))
        todo.push(
          ...readFileSync(`/proc/${at}/task/${thread}/children`, "utf8")
            .trim()
            .split(" ")
            .filter(Boolean)
            .map(Number),
        );
    } catch {
      // It has ended.
    }
  return sum;
}

/** Of this process' network: /sys shows that of whoever mounted it. */
function crossed(): number {
  const [, numbers = ""] = /^ *lo:(.*)$/m.exec(readFileSync("/proc/self/net/dev", "utf8")) ?? [];
  return Number(numbers.trim().split(/ +/)[8]);
}

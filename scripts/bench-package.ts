import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findFreePort } from "../test/support/free-port.ts";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { median } from "./lib/bench/median.ts";
import { readUnitRuntime } from "./lib/unit-runtime.ts";

const RUNS = 41;
const MIB = 2 ** 20;

const { deb = "" } = parseArgs({ options: { deb: { type: "string" } } }).values;
const lease = await leaseDirectory("bench");
try {
  execFileSync("dpkg-deb", ["--extract", deb, lease.path]);
  const lib = join(lease.path, "usr/lib/mirrorlet");
  const [node, main] = [join(lib, "node"), join(lib, "main.js")];
  // As the command line has it.
  const flag = "--max-semi-space-size=1";
  const idle = await agentSettings(lease.path);
  const [bare, version, help] = measureStarts(node, [
    ["-e", "0"],
    [flag, main, "version"],
    [flag, main, "status", "--help"],
  ]);
  const { flags, environment } = readUnitRuntime();
  const bareMemory = await residentMemory(node, [...flags, "-e", "setInterval(() => {}, 1e6)"], environment);
  const memory = await residentMemory(node, [...flags, main, "agent", ...idle], environment);
  const installed =
    Number(execFileSync("dpkg-deb", ["-f", deb, "Installed-Size"], { encoding: "utf8" })) / 1024;
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
  const row = (what: string, ours: number, base: number, unit: (value: number) => string): string =>
    `| ${what} | ${unit(ours)} | ${unit(base)} | ${(ours / base).toFixed(2)} |`;
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  process.stdout.write(`${await describeMachine(lease.path)}\n
| what | mirrorlet | bare runtime | ratio |
|---|---|---|---|
| the .deb | ${mib(statSync(deb).size)} | | |
${row("installed", installed * MIB, statSync(node).size, mib)}
${row("`mirrorlet version`", version ?? 0, bare ?? 1, ms)}
${row("`mirrorlet status --help`", help ?? 0, bare ?? 1, ms)}
${row("resident memory, idle, no desired state", memory, bareMemory, mib)}
`);
} finally {
  await lease.release();
}

async function agentSettings(directory: string): Promise<readonly string[]> {
  const settings = {
    desired_state: join(directory, "none.yaml"),
    state_dir: join(directory, "state"),
    "containerd.socket": join(directory, "none.sock"),
    "http.address": `127.0.0.1:${await findFreePort()}`,
    "evidence.witness_address": `127.0.0.1:${await findFreePort()}`,
  };
  return Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
}

/** Medians in milliseconds, by turns, so that what else the machine does meets all alike. */
function measureStarts(node: string, commands: readonly (readonly string[])[]): readonly number[] {
  const times = commands.map((): number[] => []);
  for (let run = 0; run < RUNS; run++)
    for (const [index, args] of commands.entries()) {
      const from = performance.now();
      const { status } = spawnSync(node, args, { stdio: "ignore" });
      if (status !== 0) throw new Error(`${args.join(" ")}: status ${status}`);
      times[index]?.push(performance.now() - from);
    }
  return times.map(median);
}

/** In bytes, 45 s after its start, when it has given back what only that needed. */
async function residentMemory(
  node: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawn(node, args, { stdio: "ignore", env: { ...process.env, ...environment } });
  try {
    await sleep(45_000);
    const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
    return Number(kib) * 1024;
  } finally {
    child.kill("SIGKILL");
  }
}

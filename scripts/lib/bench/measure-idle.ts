import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createNode, desiredState, isApplied } from "./node.ts";
import { cpuSeconds } from "./process-cpu.ts";

const PACKAGES = ["@iarna/toml", "chokidar", "@grpc/grpc-js", "pino", "prom-client"];
const RESYNC_SECONDS = 300;
/** V8 collects once more, some 20 to 40 s after the last work and 200 ms long; only then is a process idle. */
const SETTLE_SECONDS = 60;

/** Memory and CPU of an agent with nothing to do, and of a bare process that has only loaded the given packages. */
export async function measureIdle(
  parent: string,
  count: number,
  seconds: number,
): Promise<readonly string[]> {
  const directory = join(parent, "idle");
  const node = await createNode(directory);
  await node.writeDesiredState(desiredState(count));
  const agent = await node.start();
  await agent.waitFor(isApplied, 0, 60_000);
  const bare = await startBare();
  await sleep(SETTLE_SECONDS);
  const before = cpuSeconds(agent.pid);
  await sleep(seconds);
  const idle = cpuSeconds(agent.pid) - before;
  const [ours, theirs] = [residentMiB(agent.pid), residentMiB(bare.pid)];
  const resync = await measureResync(agent.pid);
  await Promise.all([agent.stop(), bare.stop()]);
  await rm(directory, { recursive: true });
  const share = (idle / seconds + resync / RESYNC_SECONDS) * 100;
  const name = `${count.toLocaleString("en")} registries`;
  return [
    `| resident memory, idle, ${name} | ${ours.toFixed(0)} MiB | ${theirs.toFixed(0)} MiB | ${(ours / theirs).toFixed(2)} | ≤ 1.3 |`,
    `| CPU, idle, ${name}: ${(idle * 1000).toFixed(0)} ms in ${seconds} s, and ${(resync * 1000).toFixed(0)} ms for a resync every 5 min | ${share.toFixed(2)} % | | | < 0.2 % |`,
  ];
}

async function measureResync(pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  process.kill(pid, "SIGHUP");
  await sleep(3);
  return cpuSeconds(pid) - before;
}

async function startBare(): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const imports = PACKAGES.map((name) => `await import(${JSON.stringify(name)});`).join("");
  const script = `${imports} process.stdout.write("up"); process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: join(import.meta.dirname, "../../.."),
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    pid: child.pid ?? 0,
    async stop() {
      // Its end of input is its end, also when this process is killed.
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

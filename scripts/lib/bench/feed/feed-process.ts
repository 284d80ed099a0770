import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "../../../../test/support/free-port.ts";
import { cpuSeconds } from "../process-cpu.ts";
import type { BenchTls } from "./start-nodes.ts";

/** A real `mirrorlet fleet serve`, watched from outside. */
export interface FeedProcess {
  readonly child: ChildProcess;
  readonly port: number;
  cpuSeconds(): number;
  /** Resident memory now, and the most there ever was. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  /** How long its event loop has stood still at most since the last question; 0 at the first. */
  stallMs(): Promise<number>;
  /** One of its metrics, all labels summed up. */
  metric(name: string): Promise<number>;
}

export interface FeedProcessOptions {
  readonly directory: string;
  readonly endpoints: readonly string[];
  readonly tls: BenchTls;
  readonly port?: number;
  /** Beyond the addresses and files, `key=value`. */
  readonly settings: readonly string[];
  readonly nodeOptions?: readonly string[];
}

const WAIT_MS = 120_000;

export async function startFeed(options: FeedProcessOptions): Promise<FeedProcess> {
  const { endpoints, tls, nodeOptions = [] } = options;
  const directory = await mkdtemp(join(options.directory, "feed-"));
  const [port, http] = [options.port ?? (await findFreePort()), await findFreePort()];
  const settings = [`feed.address=127.0.0.1:${port}`, `http.address=127.0.0.1:${http}`, "log.level=error"];
  for (const name of ["ca", "cert", "key"] as const) {
    await writeFile(join(directory, name), tls[name]);
    settings.push(`feed.${name}=${join(directory, name)}`);
  }
  const hosts = endpoints.map((endpoint) => endpoint.replace("http://", "")).join(",");
  const sets = [...settings, ...options.settings].flatMap((one) => ["--set", one]);
  const child = spawn(
    process.execPath,
    [
      ...nodeOptions,
      ...["--import", join(import.meta.dirname, "report-process.mjs"), "dist/main.js"],
      ...["fleet", "serve", "--fleet", "bench", "--engine", `etcd://${hosts}`, ...sets],
    ],
    { stdio: ["ignore", "ignore", "inherit", "ipc"] },
  );
  const pid = child.pid ?? 0;
  for (let waited = 0; ; waited += 100) {
    const answer = await fetch(`http://127.0.0.1:${http}/readyz`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (waited > WAIT_MS || child.exitCode !== null) throw new Error("the feed server is not ready");
    await delay(100);
  }
  return {
    child,
    port,
    cpuSeconds: () => cpuSeconds(pid),
    async memory() {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      const bytes = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
      return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
    },
    async stallMs() {
      child.send({});
      const [{ stallMs }] = await once(child, "message");
      return stallMs;
    },
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
      const lines = text
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
  };
}

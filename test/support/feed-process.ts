import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mirrorletEnvironment, mirrorletProgram } from "../e2e/support/mirrorlet.ts";
import { findFreePort } from "./free-port.ts";
import type { LeasedDirectory } from "./leased-directory.ts";
import type { LabCertificate } from "./tls.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** `mirrorlet fleet serve` as an operator runs it. */
export interface FeedProcess {
  readonly name: string;
  readonly port: number;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Empty: it does not answer. */
  metrics(): Promise<string>;
  /** One sample, labels as /metrics shows them; NaN when there is none. */
  metric(sample: string): Promise<number>;
  /** Resident memory now, and the most there ever was, in bytes. */
  memory(): Promise<{ readonly now: number; readonly most: number }>;
  log(): Promise<string>;
}

export interface FeedProcessOptions {
  /** Also ends it, should this process die first. */
  readonly lease: LeasedDirectory;
  readonly name: string;
  readonly fleet: string;
  /** As in feed.toml. */
  readonly engine: string;
  /** PEM. */
  readonly clientCa: string;
  readonly certificate: LabCertificate;
  /** Default: a free one. */
  readonly port?: number;
  /** Further keys of `[feed]`; values as TOML. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

export async function feedProcess(options: FeedProcessOptions): Promise<FeedProcess> {
  const { lease, name } = options;
  const directory = join(lease.path, name);
  await mkdir(directory);
  const [port, http] = [options.port ?? (await findFreePort()), await findFreePort()];
  const config = await writeConfig(directory, port, http, options);
  let child: ChildProcess | undefined;
  const get = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${http}${path}`, { signal: AbortSignal.timeout(5_000) });
  const metrics = async (): Promise<string> => {
    try {
      return await (await get("/metrics")).text();
    } catch {
      return "";
    }
  };
  const isReady = (): Promise<boolean> =>
    get("/readyz").then(
      ({ ok }) => ok,
      () => false,
    );
  const log = (): Promise<string> => readFile(join(directory, "log"), "utf8").catch(() => "");
  return {
    name,
    port,
    metrics,
    log,
    async metric(sample) {
      const line = (await metrics()).split("\n").find((one) => one.startsWith(`${sample} `));
      return line === undefined ? Number.NaN : Number(line.slice(sample.length + 1));
    },
    async memory() {
      const status = await readFile(`/proc/${child?.pid}/status`, "utf8");
      const bytes = (field: string): number =>
        Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      return { now: bytes("VmRSS"), most: bytes("VmHWM") };
    },
    async start() {
      const [program, ...first] = mirrorletProgram();
      const output = await open(join(directory, "log"), "a");
      child = spawn(program, [...first, "fleet", "serve", "--config", config], {
        env: mirrorletEnvironment,
        stdio: ["ignore", output.fd, output.fd],
      });
      await output.close();
      await writeFile(join(lease.path, "pids", name), `${child.pid}\n`);
      for (let waited = 0; !(await isReady()); waited += 100) {
        if (child.exitCode !== null || waited > WAIT_LIMIT_MS) throw new Error(`${name}: ${await log()}`);
        await sleep(100);
      }
    },
    signal: (signal) => void child?.kill(signal),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function writeConfig(
  directory: string,
  port: number,
  http: number,
  { fleet, engine, clientCa, certificate: { cert, key }, settings = {} }: FeedProcessOptions,
): Promise<string> {
  const put = async (file: string, text: string): Promise<string> => {
    await writeFile(join(directory, file), text, { mode: 0o600 });
    return join(directory, file);
  };
  const more = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  return put(
    "feed.toml",
    `fleet = "${fleet}"
engine = "${engine}"
[feed]
address = "127.0.0.1:${port}"
ca = "${await put("ca.pem", clientCa)}"
cert = "${await put("cert.pem", cert)}"
key = "${await put("key.pem", key)}"
denied = "${join(directory, "denied")}"
${more.join("")}[http]
address = "127.0.0.1:${http}"
`,
  );
}

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { mirrorletEnvironment, mirrorletProgram } from "./mirrorlet.ts";

/** `mirrorlet agent` as a process of its own. */
export interface LabAgent {
  readonly pid: number;
  /** host:port of its listener. */
  readonly address: string;
  /** Replaces the desired state in one rename and waits until it is in force. */
  apply(desired: string): Promise<void>;
  /** Replaces the desired state and waits until `/readyz` gives a reason that fits. */
  reject(desired: string | Uint8Array, reason: RegExp): Promise<void>;
  /** Waits for a desired state to come into force while `act` is done. */
  applying(act: () => Promise<unknown>): Promise<void>;
  /** Waits for what must become true; 20 seconds unless told otherwise. */
  until(what: string, check: () => Promise<boolean>, seconds?: number): Promise<void>;
  /** A sample by its full name, labels as /metrics shows them; NaN when there is none. */
  metric(sample: string): Promise<number>;
  readyz(): Promise<{ readonly status: number; readonly text: string }>;
  log(): string;
  /** SIGKILL, to the process alone; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; its exit code, -1 when it had to be killed after 20 seconds. */
  stop(): Promise<number>;
}

interface AgentPlace {
  readonly dir: string;
  readonly agentToml: string;
  readonly desiredState: string;
  /** Gets the pid, for whoever ends what is left. */
  readonly pidFile: string;
  /** Besides PATH. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whose process it is; without it, ours. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Resolves when it listens; whether it is ready is another question. */
export async function startAgent({
  dir,
  agentToml,
  desiredState,
  pidFile,
  environment = {},
  user,
}: AgentPlace): Promise<LabAgent> {
  const logPath = join(dir, "agent.log");
  const output = await open(logPath, "a");
  const { size: earlier } = await output.stat();
  const [program, ...first] = mirrorletProgram();
  const child = spawn(program, [...first, "agent", "--config", agentToml], {
    cwd: "/",
    env: { ...mirrorletEnvironment, ...environment },
    stdio: ["ignore", output.fd, output.fd],
    ...user,
  });
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? -1));
    child.once("error", () => resolve(-1));
  });
  await output.close();
  const pid = child.pid ?? 0;
  await writeFile(pidFile, `${pid}\n`);
  const log = (): string => readFileSync(logPath, "utf8");
  const address = await until("the agent listens", log, async () => {
    if (child.exitCode !== null) throw new Error(`the agent has ended: ${log()}`);
    return addressIn(log().slice(earlier));
  });

  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://${address}${path}`, { headers: { connection: "close" } });
    return { status: response.status, text: await response.text() };
  };
  const metric = async (sample: string): Promise<number> => sampleIn((await get("/metrics")).text, sample);
  const readyz = () => get("/readyz?verbose");
  const wait = async (what: string, check: () => Promise<boolean>, seconds?: number): Promise<void> => {
    await until(what, log, async () => ((await check()) ? true : undefined), seconds);
  };
  const applying = async (act: () => Promise<unknown>): Promise<void> => {
    const before = await metric(appliedAt);
    await act();
    await wait("a desired state comes into force", async () => {
      return (await metric(appliedAt)) > before && (await readyz()).status === 200;
    });
  };
  const replaceDesired = (content: string | Uint8Array) => replaceFile(desiredState, content);
  return {
    pid,
    address,
    apply: (desired) => applying(() => replaceDesired(desired)),
    async reject(desired, reason) {
      await replaceDesired(desired);
      await wait(`/readyz says ${reason}`, async () => {
        const { status, text } = await readyz();
        return status === 503 && reason.test(text);
      });
    },
    applying,
    until: wait,
    metric,
    readyz,
    log,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    stop: () => stop(child, ended),
  };
}

const appliedAt = "mirrorlet_config_last_applied_timestamp_seconds";

function addressIn(log: string): string | undefined {
  for (const line of log.split("\n")) {
    if (!line.includes("mirrorlet is running")) continue;
    return (JSON.parse(line) as { address: string }).address;
  }
  return undefined;
}

function sampleIn(metrics: string, sample: string): number {
  const line = metrics.split("\n").find((each) => each.startsWith(`${sample} `));
  return line === undefined ? Number.NaN : Number(line.slice(sample.length + 1));
}

async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function until<T>(
  what: string,
  log: () => string,
  look: () => Promise<T | undefined>,
  seconds = WAIT_LIMIT_MS / 1000,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}. The agent's log:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function stop(child: ChildProcess, ended: Promise<number>): Promise<number> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const code = await ended;
  clearTimeout(timer);
  return code;
}

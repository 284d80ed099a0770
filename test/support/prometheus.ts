import { spawn } from "node:child_process";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { labPart } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** A real Prometheus on a free loopback port, with a data directory of its own. */
export interface LabPrometheus {
  readonly url: string;
  /** What `data` is in an answer of its HTTP API; rejects, with its words, when that is an error. */
  api<T>(path: string): Promise<T>;
  /** Instant query: a value for each series, by its labels. */
  query(expression: string): Promise<readonly PrometheusSample[]>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface PrometheusSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** `config` is the text of prometheus.yml; JSON is YAML too. */
export async function startPrometheus(config: string): Promise<LabPrometheus> {
  const program = join(await labPart("prometheus"), "prometheus");
  const lease = await leaseDirectory("prometheus");
  const within = (name: string): string => join(lease.path, name);
  try {
    await writeFile(within("prometheus.yml"), config);
    const log = await open(within("log"), "a");
    const start = `echo $$ >"$1/pids/prometheus"
exec "$2" --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/data" --web.listen-address=127.0.0.1:0`;
    const child = spawn("/bin/sh", ["-c", start, "lab", lease.path, program], {
      cwd: "/",
      detached: true,
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", log.fd, log.fd],
    });
    child.unref();
    await log.close();
    const url = await waitForAddress(within("log"));
    const api = <T>(path: string): Promise<T> => ask<T>(`${url}/api/v1/${path}`);
    return {
      url,
      api,
      async query(expression) {
        const path = `query?query=${encodeURIComponent(expression)}`;
        const { result } = await api<{
          result: { metric: Record<string, string>; value: [number, string] }[];
        }>(path);
        return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
      },
      log: () => readFile(within("log"), "utf8"),
      stop: () => lease.release(),
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

async function waitForAddress(logPath: string): Promise<string> {
  for (let attempt = 0; attempt < WAIT_LIMIT_MS / 50; attempt++) {
    const log = await readFile(logPath, "utf8");
    const address = /msg="Listening on" address=(127\.0\.0\.1:\d+)/.exec(log)?.[1];
    // It listens before it has read its data; until then it answers 503.
    if (address !== undefined && log.includes("Server is ready")) return `http://${address}`;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Prometheus does not get ready; its log: ${await readFile(logPath, "utf8")}`);
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(10_000),
    headers: { connection: "close" },
  });
  const answer = (await response.json()) as { status: string; data: T; error?: string };
  if (answer.status !== "success") throw new Error(`${decodeURIComponent(url)}: ${answer.error}`);
  return answer.data;
}

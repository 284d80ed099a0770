import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readUnitRuntime } from "./unit-runtime.ts";

/** A line of the agent's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  /** Of a finished pass only. */
  readonly outcome?: string;
  readonly done?: readonly string[];
  readonly duration_ms?: number;
  /** Of a step that was carried out; at level debug. */
  readonly step?: string;
  /** performance.now() when it arrived here. */
  readonly atMs: number;
}

/** `mirrorlet agent` of this checkout's dist/, as a process of its own. */
export interface AgentProcess {
  readonly pid: number;
  /** The first line from `from` on that is wanted, or the first one to come; rejects after `timeoutMs`. */
  waitFor(wanted: (line: LogLine) => boolean, from: number, timeoutMs: number): Promise<LogLine>;
  /** How many lines there were so far: a place to wait from. */
  position(): number;
  /** SIGTERM, and its end. */
  stop(): Promise<void>;
}

/** As in systemd/mirrorlet.service, and what is asked for besides, such as a profile. */
const nodeOptions = (): readonly string[] => [
  ...readUnitRuntime().flags,
  ...(process.env["AGENT_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== ""),
];

export const program = join(import.meta.dirname, "../../dist/main.js");

/**
 * `directory` is a leased one: its keeper ends the agent when this process is killed. The configuration must lie
 * in it, for that is how the keeper recognises the process.
 */
export async function startAgent(directory: string, configPath: string): Promise<AgentProcess> {
  const child = spawn(process.execPath, [...nodeOptions(), program, "agent", "--config", configPath], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...readUnitRuntime().environment },
  });
  await writeFile(join(directory, "pids/agent"), `${child.pid}\n`);
  const ended = once(child, "exit");
  const lines: LogLine[] = [];
  const raw: string[] = [];
  let wake = (): void => undefined;
  createInterface({ input: child.stderr }).on("line", (text) => {
    raw.push(text);
    const line = parseLine(text);
    if (line !== undefined) lines.push({ ...line, atMs: performance.now() });
    wake();
  });
  void ended.then(() => wake());

  const waitFor: AgentProcess["waitFor"] = async (wanted, from, timeoutMs) => {
    const deadlineMs = performance.now() + timeoutMs;
    for (let seen = from; ; ) {
      for (; seen < lines.length; seen++) {
        const line = lines[seen];
        if (line !== undefined && wanted(line)) return line;
      }
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0 || child.exitCode !== null) throw new Error(complaint(raw, child.exitCode));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  return {
    pid: child.pid ?? 0,
    waitFor,
    position: () => lines.length,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

function complaint(raw: readonly string[], exitCode: number | null): string {
  const what = exitCode === null ? "the agent does not get there" : `the agent ended with ${exitCode}`;
  return `${what}; its log ends with:\n${raw.slice(-15).join("\n")}`;
}

function parseLine(text: string): Omit<LogLine, "atMs"> | undefined {
  try {
    return JSON.parse(text) as Omit<LogLine, "atMs">;
  } catch {
    return undefined;
  }
}

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { PassContext } from "../../../src/agent/pass-context.ts";
import type { Clock, Containerd, Ports } from "../../../src/agent/ports.ts";
import { createStateDirectory } from "../../../src/agent/state-directory.ts";
import type { AgentConfig } from "../../../src/core/agent-config/agent-config.ts";
import { parseAgentConfig } from "../../../src/core/agent-config/parse-agent-config.ts";
import { tracesPlaceOf } from "../../../src/core/containerd/tracing/traces-place.ts";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createContainerd } from "../../../src/host/containerd.ts";
import { createFiles } from "../../../src/host/files.ts";
import { createFileContainerd } from "./file-containerd.ts";

/** Everything a pass in a process of its own needs to know; plain JSON. */
export interface Job {
  /** Put before every path; "" for none. */
  readonly root: string;
  /** agent.toml keys by their dotted names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly desired: DesiredState;
  readonly containerd: ModelContainerd | RealContainerd;
  /** Names temporary files `1`, `2`, …, so that a fault can be aimed at one of them. */
  readonly countedNames: boolean;
  /** What is done instead of a pass. */
  readonly verb?: "restore";
}

interface ModelContainerd {
  readonly kind: "model";
  readonly version: string;
  /** It can send traces. */
  readonly traces?: boolean;
}

interface RealContainerd {
  readonly kind: "real";
  readonly binary: string;
  readonly socket: string;
  readonly restart: readonly string[];
}

export interface DrivenNode {
  readonly config: AgentConfig;
  readonly ports: Ports;
  readonly context: PassContext;
}

/** The agent's parts on real files, put together as the program does it, but for the network. */
export function driveNode(job: Job, options: { readonly clock?: Clock } = {}): DrivenNode {
  const parsed = parseAgentConfig({ env: {}, flags: toFlags(job.settings) });
  if (!parsed.ok) throw new Error(parsed.issues.map(({ message }) => message).join("; "));
  const { config } = parsed;
  const { root } = job;
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const ports: Ports = {
    files: createFiles({
      ...(root === "" ? {} : { root }),
      confined: [config.containerd.certsD, config.stateDir],
      ...(job.countedNames ? { temporarySuffix: countedSuffix() } : {}),
    }),
    containerd: containerdOf(job, config),
    clock: options.clock ?? (job.containerd.kind === "real" ? createClock() : createRacingClock()),
    sha256,
    log: silent,
    prober: {
      probe: async (mirror) => ({ url: mirror.host, ok: true, challenge: "basic", durationMs: 1 }),
    },
  };
  const digest = ports.sha256(new TextEncoder().encode(JSON.stringify(job.desired)));
  const at = { file: "desired.yaml", line: 1, column: 1 };
  const context: PassContext = {
    ports,
    state: createStateDirectory(config.stateDir, ports),
    config,
    adopt: false,
    mayRestart: true,
    retryQuarantined: false,
    gateTimeoutMs: 10_000,
    signal: new AbortController().signal,
    load: async () => ({ kind: "state", state: job.desired, digest, issues: [], at, inputs: [] }),
  };
  return { config, ports, context };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function containerdOf({ containerd, root }: Job, config: AgentConfig): Containerd {
  if (containerd.kind === "real") return createContainerd(containerd);
  return createFileContainerd({
    configPath: join(root, config.containerd.config),
    statePath: join(root, "model-containerd.json"),
    version: containerd.version,
    toHost: (path) => join(root, path),
    ...(containerd.traces === true
      ? { traces: join(root, tracesPlaceOf(config.containerd)?.path ?? "") }
      : {}),
  });
}

function toFlags(settings: Job["settings"]): readonly string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`);
}

function countedSuffix(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return count.toString(16).padStart(12, "0");
  };
}

/**
 * The machine's clock, real enough for records that outlive a process, on which sleeping takes no time.
 * `bootId`: of an earlier boot, where given.
 */
export function createRacingClock(bootId?: string): Clock {
  let slept = 0;
  const uptimeMs = (): number => Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000 + slept;
  return {
    bootId: bootId ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    now: () => Date.now() + slept,
    uptimeMs,
    async sleep(ms) {
      slept += ms;
    },
    loopMs: () => performance.now(),
    turn: () => setImmediate(),
  };
}

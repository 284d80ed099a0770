import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { EvidenceSink } from "../../../src/agent/evidence/evidence-sink.ts";
import { claimPulls, createPullClaims } from "../../../src/agent/evidence/pull-claims.ts";
import type { Ports } from "../../../src/agent/ports.ts";
import type { Fallback, SourceState } from "../../../src/core/evidence/evidence-report.ts";
import type { PullNotice } from "../../../src/core/evidence/pull.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createContainerd } from "../../../src/host/containerd.ts";
import type { LabContainerd } from "../../support/containerd.ts";

/** A daemon with the ports that sources of evidence need of it, and all they tell. */
export interface EvidenceNode {
  readonly ports: Required<Pick<Ports, "containerd" | "clock" | "log" | "claims">>;
  readonly sink: EvidenceSink;
  readonly notices: PullNotice[];
  readonly fallbacks: Fallback[];
  readonly states: SourceState[];
  /** What is written to the agent's log, at any level. */
  readonly logged: string[];
  /** Called with each notice, while the source that tells it still waits. */
  onNotice: (notice: PullNotice) => void;
  /** hosts.toml of a registry: these mirrors, then `server`. */
  setHosts(registry: string, mirrors: readonly string[], server: string): Promise<void>;
  /** `ctr -n k8s.io ARGS`. */
  ctr(...args: readonly string[]): Promise<string>;
  /** Names of all image records. */
  names(): Promise<readonly string[]>;
}

export function createEvidenceNode(daemon: LabContainerd): EvidenceNode {
  const clock = createClock();
  const claims = createPullClaims(clock);
  const { binary, socket, restartCommand } = daemon;
  const containerd = claimPulls(createContainerd({ binary, socket, restart: restartCommand }), claims);
  const logged: string[] = [];
  const write = (_fields: unknown, message: string): void => void logged.push(message);
  const log = { debug: write, info: write, warn: write, error: write };
  const node: EvidenceNode = {
    ports: { containerd, clock, claims, log },
    logged,
    notices: [],
    fallbacks: [],
    states: [],
    onNotice: () => undefined,
    sink: {
      request() {},
      pull() {},
      witnessed() {},
      probed() {},
      notice(notice) {
        node.notices.push(notice);
        node.onNotice(notice);
      },
      logged: (fallback) => node.fallbacks.push(fallback),
      source: (state) => node.states.push(state),
    },
    async setHosts(registry, mirrors, server) {
      const directory = join(daemon.certsD, registry);
      await mkdir(directory, { recursive: true });
      const tables = mirrors.map((url) => `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`);
      await writeFile(join(directory, "hosts.toml"), `server = "${server}"\n${tables.join("")}`);
    },
    async ctr(...args) {
      const program = join(dirname(binary), "ctr");
      const { stdout } = await run(program, ["--address", socket, "-n", "k8s.io", ...args], {
        timeout: 60_000,
      });
      return stdout;
    },
    async names() {
      const records = await containerd.images.records("all", AbortSignal.timeout(10_000));
      return (records ?? []).map(({ name }) => name);
    },
  };
  return node;
}

/** Waits, at most ten seconds, for what must become true. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const run = promisify(execFile);

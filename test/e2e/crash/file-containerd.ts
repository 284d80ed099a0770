import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { CommandResult, Containerd } from "../../../src/agent/ports.ts";
import { readRegistryConfig } from "../../../src/core/containerd/registry-config.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../src/core/containerd/version.ts";

/** The model's "process", kept in a file: it lives on when the process that drives it is killed. */
export interface FileDaemon {
  readonly restarts: number;
  /** The config.toml it was started on; undefined: there was none. */
  readonly running: string | undefined;
  readonly alive: boolean;
  readonly criReady: boolean;
  /** Undefined until its first restart. */
  readonly startedMs?: number;
  /** A configuration that this matches makes the start fail, or CRI not load. */
  readonly refuses?: { readonly pattern: string; readonly how: "start" | "cri" };
}

export interface FileContainerdOptions {
  readonly configPath: string;
  readonly statePath: string;
  readonly version: string;
  readonly toHost: (path: string) => string;
}

export const REFUSAL = "containerd: failed to load plugin: the site's own words";

export function createFileContainerd(options: FileContainerdOptions): Containerd {
  const version = versionOf(options.version);
  const daemon = (): FileDaemon => readDaemon(options.statePath);
  return {
    version: async () => version,
    async dumpConfig(path) {
      const text = readText(options.toHost(path)) ?? "";
      const { daemon: judged } = readRegistryConfig({ path, text }, [], version);
      return judged.ok
        ? { ok: true, toml: dumpOf(text), warnings: [] }
        : { ok: false, message: judged.reason };
    },
    restart: async () => restartDaemon(options),
    async resetFailed() {},
    startedMs: async () => (daemon().alive ? daemon().startedMs : undefined),
    instance: async () => (daemon().alive ? String(daemon().restarts) : undefined),
    async health() {
      const { alive, criReady } = daemon();
      const failedPlugins = alive && !criReady ? [{ id: "io.containerd.cri", message: REFUSAL }] : [];
      return { reachable: alive, criReady: alive && criReady, failedPlugins };
    },
    pullImage: async () => ({ ok: true, imageRef: "sha256:0" }),
    images: {
      records: async () => [{ name: "any", target: "sha256:0", pinned: false }],
      areUsed: async () => false,
      deleteRecords: async () => ({ ok: true }),
      content: async () => undefined,
      watch: async () => "there are no events",
    },
  };
}

export function versionOf(text: string): ContainerdVersion {
  const version = parseContainerdVersion(text);
  if (version === undefined) throw new Error(`not a version: ${text}`);
  return version;
}

export function readDaemon(path: string): FileDaemon {
  return JSON.parse(readFileSync(path, "utf8")) as FileDaemon;
}

/** One rename: killed before it, the restart has not happened; after it, it has. */
export function writeDaemon(path: string, daemon: FileDaemon): void {
  writeFileSync(`${path}.next`, JSON.stringify(daemon));
  renameSync(`${path}.next`, path);
}

function restartDaemon({ configPath, statePath }: FileContainerdOptions): CommandResult {
  const before = readDaemon(statePath);
  const running = readText(configPath);
  const { refuses } = before;
  const refused = refuses !== undefined && new RegExp(refuses.pattern).test(running ?? "");
  const alive = !(refused && refuses.how === "start");
  writeDaemon(statePath, {
    ...before,
    startedMs: Date.now(),
    restarts: before.restarts + 1,
    running,
    alive,
    criReady: !refused,
  });
  return alive ? { ok: true } : { ok: false, message: REFUSAL };
}

function dumpOf(text: string): string {
  const path = /config_path = "([^"]*)"/.exec(text)?.[1] ?? "";
  return `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${path}"\n`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

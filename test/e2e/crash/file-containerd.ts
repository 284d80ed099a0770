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
  /** What systemd has read of the drop-in, and what of it the process was started with. */
  readonly unit?: string | undefined;
  readonly environment?: string | undefined;
  /** A configuration (or a drop-in) that this matches makes the start fail, or CRI not load. */
  readonly refuses?: { readonly pattern: string; readonly how: "start" | "cri" };
}

export interface FileContainerdOptions {
  readonly configPath: string;
  readonly statePath: string;
  readonly version: string;
  readonly toHost: (path: string) => string;
  /** The drop-in, for a containerd with an exporter of traces. */
  readonly traces?: string;
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
    async reloadUnits() {
      const { traces } = options;
      if (traces !== undefined) writeDaemon(options.statePath, { ...daemon(), unit: readText(traces) });
      return { ok: true };
    },
    unitState: async () => undefined,
    unitAwaitsReload: async () => options.traces !== undefined && daemon().unit !== readText(options.traces),
    tracesEnvironment: async () => (daemon().alive ? environmentIn(daemon().environment) : undefined),
    async exporter() {
      if (options.traces === undefined) return { state: "absent", message: "" };
      return daemon().environment === undefined
        ? { state: "idle", message: "skip plugin: tracing endpoint not configured" }
        : { state: "running", message: "" };
    },
    podsInMaking: async () => [],
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
  const refused =
    refuses !== undefined && new RegExp(refuses.pattern).test(`${running ?? ""}\n${before.unit ?? ""}`);
  const alive = !(refused && refuses.how === "start");
  writeDaemon(statePath, {
    ...before,
    startedMs: Date.now(),
    restarts: before.restarts + 1,
    running,
    environment: before.unit,
    alive,
    criReady: !refused,
  });
  return alive ? { ok: true } : { ok: false, message: REFUSAL };
}

function environmentIn(dropIn: string | undefined): Readonly<Record<string, string>> {
  const pairs = [...(dropIn ?? "").matchAll(/^Environment=([A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]));
}

function dumpOf(text: string): string {
  const path = /config_path = "([^"]*)"/.exec(text)?.[1] ?? "";
  return `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${path}"\n`;
}

/** Tried again: faults are for the agent, not for the model of containerd that lives in its process. */
function readText(path: string, tries = 3): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isAbsent || tries === 0 ? undefined : readText(path, tries - 1);
  }
}

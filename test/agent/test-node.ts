import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Wanted } from "../../src/agent/choose-desired-state.ts";
import { type DryRun, dryRun } from "../../src/agent/dry-run.ts";
import type { ImageStore } from "../../src/agent/evidence/image-store.ts";
import { observeConfig } from "../../src/agent/observe-host.ts";
import { runPass } from "../../src/agent/pass.ts";
import type { PassContext } from "../../src/agent/pass-context.ts";
import type { Clock, Containerd, Files, MirrorProbe, Ports, UnitState } from "../../src/agent/ports.ts";
import type { PassReport } from "../../src/agent/report.ts";
import { createStateDirectory } from "../../src/agent/state-directory.ts";
import { createWitnessKeeper, type WitnessKeeper } from "../../src/agent/witness-keeper.ts";
import type { AgentConfig } from "../../src/core/agent-config/agent-config.ts";
import { parseAgentConfig } from "../../src/core/agent-config/parse-agent-config.ts";
import { receiverIn } from "../../src/core/containerd/config/edit-traces.ts";
import { treeOfObserved } from "../../src/core/containerd/host-tree.ts";
import { entryUrl } from "../../src/core/containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../../src/core/containerd/image-reference.ts";
import { readRegistryConfig } from "../../src/core/containerd/registry-config.ts";
import { resolveImage } from "../../src/core/containerd/resolve-image.ts";
import { ENDPOINT_VARIABLE } from "../../src/core/containerd/tracing/traces-file.ts";
import {
  type ContainerdVersion,
  parseContainerdVersion,
  traitsOf,
} from "../../src/core/containerd/version.ts";
import { type DesiredState, mirrorUrl } from "../../src/core/desired-state/desired-state.ts";
import { createFiles } from "../../src/host/files.ts";
import { witnessKeys } from "../../src/host/witness-keys.ts";

export const CONFIG = "/etc/containerd/config.toml";
export const CERTS_D = "/etc/containerd/certs.d";
export const DROP_IN = "/etc/systemd/system/containerd.service.d/50-mirrorlet-traces.conf";

export interface TestNode {
  readonly root: string;
  readonly config: AgentConfig;
  readonly containerd: ModelContainerd;
  readonly clock: TestClock;
  readonly down: Set<string>;
  readonly bearer: Set<string>;
  /** Asked-for mirrors, in order. */
  readonly probed: string[];
  context(overrides?: Partial<PassContext>): PassContext;
  /** Changes agent.toml. */
  configure(...flags: readonly string[]): void;
  /** One pass towards `state`; a string is a source that cannot be read. */
  pass(state: DesiredState | string, overrides?: Partial<PassContext>): Promise<PassReport>;
  dryRun(state: DesiredState, overrides?: Partial<PassContext>): Promise<DryRun>;
  /** The keeper of this node's witness, as a new process would have it. */
  witness(ip?: string, mayMake?: boolean): WitnessKeeper;
  /** The request prefixes that a pull of `namespace` tries in order, as the model reads the node now. */
  hostsFor(namespace: string): Promise<readonly string[]>;
  read(path: string): string | undefined;
  write(path: string, text: string, mode?: number): void;
  /** Every file below the root with its content, state_dir left out. */
  snapshot(): Readonly<Record<string, string>>;
  remove(): void;
}

export interface TestClock extends Clock {
  advance(ms: number): void;
}

/**
 * The containerd of the model: it reads the node's real files with the rules that the vectors and the lab hold to
 * the real daemons, and restarts in no time.
 */
export interface ModelContainerd extends Containerd {
  restarts: number;
  /** Words with which the next restart command fails. */
  refuseStart: string | undefined;
  /** The config.toml the "process" runs on. */
  readonly running: string | undefined;
  failPull: string | undefined;
  /** Names of the image records. */
  readonly present: Set<string>;
  /** When it started, for what compares that with the files; undefined: not known. */
  started: number | undefined;
  /** What it is making just now. */
  pods: () => readonly string[];
  criConfigPath: string | undefined;
  /** Of the daemon, where that is another one than the program's. */
  runningVersion: string | undefined;
  /** Why its CRI does not load, whatever config.toml says. */
  trouble: string | undefined;
  /** Built with an exporter of traces; by default it is not, and nothing is done about traces. */
  hasExporter: boolean;
  /** Words with which a start fails in whose environment our receiver is. */
  refuseTraces: string | undefined;
  /** What else is in its environment at the next start. */
  environment: Readonly<Record<string, string>>;
  /** What starts it does not hand on what systemd says. */
  losesEnvironment: boolean;
  /** Words with which systemd refuses to read its units again. */
  refuseReload: string | undefined;
  /** What systemd says of its unit; undefined: there is no systemd. */
  unit: UnitState | undefined;
  /** Nobody can ask it: the root helper is away. */
  isOutOfReach: boolean;
  /** Somebody has changed its unit, and systemd has not read that. */
  unitEdited: boolean;
}

export function createTestNode(version = "2.1.9"): TestNode {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-pass-"));
  const hostPath = (path: string): string => join(root, path);
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(hostPath(path), "utf8");
    } catch {
      return undefined;
    }
  };
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(hostPath(path)), { recursive: true });
    writeFileSync(hostPath(path), text, { mode });
  };
  const clock = createTestClock();
  const containerd = createModelContainerd(version, read);
  const parsed = parseAgentConfig({ env: {}, flags: [] });
  if (!parsed.ok) throw new Error("the default agent configuration must parse");
  let config = parsed.config;
  const down = new Set<string>();
  const bearer = new Set<string>();
  const probed: string[] = [];
  const files = createFiles({ root });
  const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const ports: Ports = {
    files,
    containerd,
    clock,
    sha256,
    log: silent,
    prober: {
      async probe(mirror): Promise<MirrorProbe> {
        const url = mirrorUrl(mirror);
        probed.push(url);
        if (down.has(mirror.host))
          return {
            url,
            ok: false,
            challenge: "unknown",
            failure: { phase: "connect", message: "connection refused" },
            durationMs: 1,
          };
        const challenge = bearer.has(mirror.host) ? "bearer" : "none";
        return { url, ok: true, challenge, durationMs: 1 };
      },
    },
  };
  const context = (overrides: Partial<PassContext> = {}): PassContext => ({
    ports,
    state: createStateDirectory(config.stateDir, ports),
    config,
    adopt: false,
    mayRestart: true,
    retryQuarantined: false,
    gateTimeoutMs: 1_000,
    signal: new AbortController().signal,
    load: async () => ({ kind: "none", message: "no desired state", issues: [], inputs: [] }),
    ...overrides,
  });
  return {
    root,
    get config() {
      return config;
    },
    configure(...flags) {
      const result = parseAgentConfig({ env: {}, flags });
      if (!result.ok) throw new Error(JSON.stringify(result.issues));
      config = result.config;
    },
    containerd,
    clock,
    down,
    bearer,
    probed,
    context,
    hostsFor: (namespace) => hostsFor(namespace, files, versionOf(version)),
    dryRun: (state, overrides) => dryRun(context({ load: async () => wanted(state, sha256), ...overrides })),
    witness: (ip = "127.0.0.1", mayMake = true) =>
      createWitnessKeeper({
        ip,
        mayMake,
        state: createStateDirectory(config.stateDir, ports),
        keys: witnessKeys,
        ports,
      }),
    pass: (state, overrides) => runPass(context({ load: async () => wanted(state, sha256), ...overrides })),
    read,
    write,
    snapshot: () => snapshot(root, config.stateDir),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function wanted(state: DesiredState | string, sha256: Ports["sha256"]): Wanted {
  if (typeof state === "string") return { kind: "none", message: state, issues: [], inputs: [] };
  const digest = sha256(new TextEncoder().encode(JSON.stringify(state)));
  return {
    kind: "state",
    state,
    digest,
    issues: [],
    at: { file: "desired.yaml", line: 1, column: 1 },
    inputs: [],
  };
}

function createTestClock(): TestClock {
  let uptime = 1_000_000;
  return {
    bootId: "boot-1",
    now: () => 1_700_000_000_000 + uptime,
    uptimeMs: () => uptime,
    advance: (ms) => {
      uptime += ms;
    },
    async sleep(ms) {
      uptime += ms;
    },
    loopMs: () => uptime,
    turn: () => Promise.resolve(),
  };
}

function createModelContainerd(
  versionText: string,
  read: (path: string) => string | undefined,
): ModelContainerd {
  const readConfig = (): string | undefined => read(CONFIG);
  const version = versionOf(versionText);
  const present = new Set<string>();
  let running = readConfig();
  let loadedDropIn = read(DROP_IN);
  let environment: Readonly<Record<string, string>> = {};
  const judge = (text: string | undefined) =>
    readRegistryConfig(text === undefined ? undefined : { path: CONFIG, text }, [], version);
  return {
    restarts: 0,
    refuseStart: undefined,
    present,
    images: modelImages(present),
    started: undefined,
    pods: () => [],
    trouble: undefined,
    criConfigPath: undefined,
    runningVersion: undefined,
    failPull: undefined,
    hasExporter: false,
    refuseTraces: undefined,
    environment: {},
    losesEnvironment: false,
    refuseReload: undefined,
    unitEdited: false,
    unit: undefined,
    isOutOfReach: false,
    get running() {
      return running;
    },
    version: async () => version,
    async dumpConfig(path) {
      const text = read(path);
      const { daemon } = judge(text);
      return daemon.ok ? { ok: true, toml: dump(text), warnings: [] } : { ok: false, message: daemon.reason };
    },
    async restart() {
      this.restarts += 1;
      if (this.refuseStart !== undefined && this.restarts % 2 === 1)
        return { ok: false, message: this.refuseStart };
      environment = { ...this.environment, ...(this.losesEnvironment ? {} : environmentIn(loadedDropIn)) };
      if (this.refuseTraces !== undefined && ENDPOINT_VARIABLE in environment)
        return { ok: false, message: this.refuseTraces };
      running = readConfig();
      return { ok: true };
    },
    async unitState() {
      return this.unit;
    },
    async reloadUnits() {
      if (this.refuseReload !== undefined) return { ok: false, message: this.refuseReload };
      loadedDropIn = read(DROP_IN);
      this.unitEdited = false;
      return { ok: true };
    },
    async unitAwaitsReload() {
      return this.unitEdited || loadedDropIn !== read(DROP_IN);
    },
    async tracesEnvironment() {
      return environment;
    },
    async exporter() {
      const named = traitsOf(version).tracingSettings === "config" ? receiverIn(running ?? "") : undefined;
      const endpoint = named ?? environment[ENDPOINT_VARIABLE] ?? environment["OTEL_EXPORTER_OTLP_ENDPOINT"];
      if (!this.hasExporter) return { state: "absent", message: "" };
      return endpoint === undefined
        ? { state: "idle", message: "skip plugin: tracing endpoint not configured" }
        : { state: "running", message: "" };
    },
    async podsInMaking() {
      return this.pods();
    },
    async startedMs() {
      return this.started;
    },
    async instance() {
      return String(this.restarts);
    },
    async health() {
      if (this.isOutOfReach)
        return { unknown: true, reachable: false, criReady: false, failedPlugins: [], message: "away" };
      const { criLoads } = judge(running);
      const trouble = criLoads.ok ? this.trouble : criLoads.reason;
      const failedPlugins =
        trouble === undefined ? [] : [{ id: "io.containerd.grpc.v1.cri", message: trouble }];
      const { criConfigPath } = this;
      const shown = criConfigPath === undefined ? {} : { criConfigPath };
      const told = versionOf(this.runningVersion ?? versionText);
      return { reachable: true, criReady: trouble === undefined, failedPlugins, version: told, ...shown };
    },
    async pullImage(image) {
      if (this.isOutOfReach) return { ok: false, unknown: true, code: "helper-unreachable", message: "away" };
      if (this.failPull === undefined) present.add(image);
      return this.failPull === undefined
        ? { ok: true, imageRef: "sha256:0" }
        : { ok: false, code: "NOT_FOUND", message: this.failPull };
    },
  };
}

/** What systemd makes of our drop-in. */
function environmentIn(dropIn: string | undefined): Readonly<Record<string, string>> {
  const pairs = [...(dropIn ?? "").matchAll(/^Environment=([A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]));
}

/** Every image has one name and content of its own. */
function modelImages(present: Set<string>): ImageStore {
  const targetOf = (name: string): string => `digest of ${name}`;
  return {
    records: async (select) =>
      [...present]
        .filter(
          (name) =>
            select === "all" || ("name" in select ? select.name === name : select.target === targetOf(name)),
        )
        .map((name) => ({ name, target: targetOf(name), pinned: false })),
    areUsed: async () => false,
    async deleteRecords(names) {
      for (const name of names) present.delete(name);
      return { ok: true };
    },
    content: async () => undefined,
    watch: async () => "the model has no events",
  };
}

/** What `config dump` would say of config_path, which is all that is asked of it here. */
function dump(text: string | undefined): string {
  const path = /config_path = "([^"]*)"/.exec(text ?? "")?.[1] ?? "";
  return `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${path}"\n`;
}

function snapshot(root: string, stateDir: string): Readonly<Record<string, string>> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => `/${name}`);
  const entries = names
    .filter((name) => !name.startsWith(stateDir) && !stateDir.startsWith(name))
    .map((name) => {
      const info = statSync(join(root, name));
      const content = info.isDirectory() ? "(directory)" : readFileSync(join(root, name), "utf8");
      return [name, `${(info.mode & 0o777).toString(8)} ${content}`] as const;
    });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function versionOf(text: string): ContainerdVersion {
  const version = parseContainerdVersion(text);
  if (version === undefined) throw new Error(`not a version: ${text}`);
  return version;
}

async function hostsFor(
  namespace: string,
  files: Files,
  version: ContainerdVersion,
): Promise<readonly string[]> {
  const parsed = parseImageReference(`${namespace}/some/image@sha256:${"1".repeat(64)}`);
  if (!parsed.ok) throw new Error(`not a namespace: ${namespace}`);
  const { file, imports } = await observeConfig(files, CONFIG, version);
  const main = file === undefined ? undefined : { path: CONFIG, text: Buffer.from(file.bytes).toString() };
  const config = readRegistryConfig(main, imports, version);
  const tree = treeOfObserved(await files.readTree(CERTS_D));
  const { hosts, outcome } = resolveImage({ reference: parsed.reference, version, config, tree });
  return outcome.kind === "hosts" ? hosts.map(({ entry }) => entryUrl(entry)) : [outcome.reason];
}

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type ApplyRecord, decodeApplyRecord } from "../../../src/agent/apply-record.ts";
import { runPass } from "../../../src/agent/pass.ts";
import { sweepStrays } from "../../../src/agent/reconciler.ts";
import { restore } from "../../../src/agent/restore.ts";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { desired, mirror, registry } from "../../agent/desired.ts";
import { createCa } from "../../support/tls.ts";
import { createRacingClock, driveNode, type Job, sha256 } from "./driven-node.ts";
import { type FileDaemon, readDaemon, versionOf, writeDaemon } from "./file-containerd.ts";
import { configOnDisk, type Pulls, readPulls } from "./read-pulls.ts";

/** A node as it stands before the pass that is to be killed. */
export interface Scenario {
  readonly name: string;
  readonly version: string;
  /** Where the start state is; copied for every run. */
  readonly start: string;
  readonly desired: DesiredState;
  readonly namespaces: readonly string[];
  readonly traces: boolean;
  /** What is done instead of a pass. */
  readonly verb?: "restore";
}

export interface NodeState {
  /** Every other file below the root with its mode and content. */
  readonly files: Readonly<Record<string, string>>;
  readonly record: unknown;
  readonly daemon: FileDaemon;
}

const CONFIG = "/etc/containerd/config.toml";
const credential = { username: "puller", password: "geheim" };

/** What a package upgrade left behind: no config_path, and a mirror of the site's in the old style. */
export const LEGACY = `version = 2
# the site's
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.9"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."quay.io"]
  endpoint = ["https://site.example:5000"]
`;

const NAMESPACES = ["gcr.io", "docker.io", "registry.k8s.io", "quay.io", "ghcr.io"];

export interface Authorities {
  readonly old: string;
  readonly fresh: string;
}

export async function createAuthorities(): Promise<Authorities> {
  const [old, fresh] = await Promise.all([createCa("old"), createCa("fresh")]);
  return { old: old.cert, fresh: fresh.cert };
}

/** Before: gcr.io, docker.io and `*`. gcr.io's CA is rotated, docker.io goes, registry.k8s.io comes. */
export function before({ old }: Authorities): DesiredState {
  return desired(
    registry("gcr.io", [mirror("https://10.0.0.1:5000", { ca: old, credential })], "never"),
    registry("docker.io", ["https://10.0.0.2:5000/v2/hub"]),
    registry("*", ["http://10.0.0.9:5000"], "never"),
  );
}

export function after({ old, fresh }: Authorities): DesiredState {
  const state = desired(
    registry("gcr.io", [mirror("https://10.0.0.1:5000", { ca: fresh, credential })], "never"),
    registry("registry.k8s.io", [mirror("https://10.0.0.3:5000", { ca: old, credential })], "never"),
    registry("*", ["http://10.0.0.9:5000"], "never"),
  );
  return { ...state, generation: 2 };
}

interface ScenarioOptions {
  readonly directory: string;
  readonly version: string;
  readonly authorities: Authorities;
  /** True: an earlier state is in force and containerd runs on it, while config.toml was replaced by others. */
  readonly inForce: boolean;
  readonly refuses?: FileDaemon["refuses"];
  /** containerd can send traces, which is wanted along with the mirrors. */
  readonly traces?: boolean;
}

/** Everything is in force and goes again. */
export async function createRestore(options: ScenarioOptions): Promise<Scenario> {
  const scenario = await createScenario("restored", options);
  await finish(scenario, scenario.start);
  return { ...scenario, verb: "restore" };
}

export async function createScenario(name: string, options: ScenarioOptions): Promise<Scenario> {
  const { directory, version, authorities, inForce, refuses, traces = false } = options;
  const start = join(directory, name.replaceAll(/\W+/g, "-"));
  const scenario = { name, version, start, desired: after(authorities), namespaces: NAMESPACES, traces };
  const healthy = { restarts: 0, alive: true, criReady: true };
  write(start, CONFIG, LEGACY);
  writeDaemon(daemonPath(start), { ...healthy, running: LEGACY });
  if (inForce) {
    write(start, CONFIG, 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n');
    const job = { ...jobOf(scenario, start), desired: before(authorities) };
    const { outcome, conditions } = await runPass(
      driveNode(job, { clock: createRacingClock("earlier") }).context,
    );
    if (outcome !== "applied") throw new Error(JSON.stringify(conditions));
    write(start, CONFIG, LEGACY);
  }
  if (refuses !== undefined) writeDaemon(daemonPath(start), { ...readDaemon(daemonPath(start)), refuses });
  return scenario;
}

export function jobOf({ version, desired: state, traces, verb }: Scenario, root: string): Job {
  return {
    root,
    settings: {},
    desired: state,
    containerd: { kind: "model", version, traces },
    countedNames: true,
    ...(verb === undefined ? {} : { verb }),
  };
}

export function copyStart({ start }: Scenario, root: string): void {
  rmSync(root, { recursive: true, force: true });
  cpSync(start, root, { recursive: true });
}

/** Starts the agent again, without faults, until it has nothing left to do; at most ten passes. Or restores again. */
export async function finish(scenario: Scenario, root: string): Promise<void> {
  const job = { ...jobOf(scenario, root), countedNames: false };
  const clock = createRacingClock();
  const { context, ports, config } = driveNode(job, { clock });
  if (scenario.verb === "restore") {
    const result = await restore(context);
    if (!result.ok) throw new Error(result.message);
    return;
  }
  await sweepStrays(ports, config);
  for (let pass = 0; pass < 10; pass += 1) {
    const report = await runPass(context);
    if (report.outcome !== "deferred" && report.outcome !== "failed" && report.restarts.length === 0) return;
    await clock.sleep(report.retryMs ?? 1_000);
  }
  throw new Error("the agent does not come to rest");
}

export interface Views {
  /** As the containerd that runs now reads the node. */
  readonly running: Pulls;
  /** As one that is started now would. */
  readonly restarted: Pulls;
}

export async function look({ version, namespaces }: Scenario, root: string): Promise<Views> {
  const known = versionOf(version);
  return {
    running: await readPulls(root, readDaemon(daemonPath(root)).running, known, namespaces),
    restarted: await readPulls(root, configOnDisk(root), known, namespaces),
  };
}

export function stateOf(root: string): NodeState {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  const files = names
    .filter((name) => !name.startsWith("model-containerd") && `/${name}` !== RECORD)
    .map((name) => {
      const info = statSync(join(root, name));
      const mode = (info.mode & 0o777).toString(8);
      const content = info.isDirectory() ? "" : readFileSync(join(root, name), "utf8");
      return [`/${name}`, `${mode} ${content}`] as const;
    });
  return { files: Object.fromEntries(files), record: recordOf(root), daemon: readDaemon(daemonPath(root)) };
}

const RECORD = "/var/lib/mirrorlet/apply-record.json";

/** The apply record without times. */
function recordOf(root: string): unknown {
  if (!existsSync(join(root, RECORD))) return "none";
  const record = decodeApplyRecord(readFileSync(join(root, RECORD)), sha256);
  if (record === undefined) return "damaged";
  const { appliedMs, restarts, quarantine, tracesQuarantine, traces, repairs, trial, ...rest } = record;
  const { sinceMs: _since, ...failed } = quarantine ?? {};
  const { sinceMs: _tracesSince, ...failedTraces } = tracesQuarantine ?? {};
  // Which life of containerd it was seen in depends on how often that was restarted.
  const { seenIn, ...inForce } = traces ?? {};
  return {
    ...rest,
    quarantine: failed,
    tracesQuarantine: failedTraces,
    traces: { ...inForce, isSeen: seenIn !== undefined },
    isApplied: appliedMs !== undefined,
    repaired: Object.keys(repairs),
    ...(trial === undefined ? {} : { trial: withoutTimes(trial) }),
  };
}

/** What is on trial, and what would be put back. */
function withoutTimes({ change, before }: NonNullable<ApplyRecord["trial"]>): unknown {
  const { instance: _instance, ...changed } = change;
  const { appliedMs, traces, ...former } = before;
  return {
    change: changed,
    before: { ...former, wasApplied: appliedMs !== undefined, traced: traces?.digest },
  };
}

export function daemonPath(root: string): string {
  return join(root, "model-containerd.json");
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

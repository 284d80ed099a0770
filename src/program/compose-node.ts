import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Wanted } from "../agent/choose-desired-state.ts";
import type { PassContext } from "../agent/pass-context.ts";
import type { Containerd, Log, MirrorProber, Ports } from "../agent/ports.ts";
import { createLoadMemory, type LoadDesiredState } from "../agent/remember-loaded.ts";
import { createStateDirectory } from "../agent/state-directory.ts";
import { trackInputs } from "../agent/track-inputs.ts";
import type { NodeDeps, NodeOptions } from "../cli/node-deps.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { formatIssue, type Issue } from "../core/issue.ts";
import { createRenderMemory } from "../core/render/remember-rendered.ts";
import { createMirrorProber } from "../edge/probe-mirror.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createClock } from "../host/clock.ts";
import { createContainerd } from "../host/containerd.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import { createFiles } from "../host/files.ts";
import { acquireLock } from "../host/lock.ts";

/** What of the command line and agent.toml decides how this node is reached. */
export interface NodeSetup {
  readonly config: AgentConfig;
  /** `--root`; "" for none. */
  readonly root: string;
  readonly log: Log;
}

/** How long containerd may take to come up well before it is rolled back. */
const GATE_TIMEOUT_MS = 60_000;

/** Wires the adapters of the machine and the network to what commands and the agent need of them. */
export function composeNode({ config, root, log }: NodeSetup): NodeDeps {
  const ports = createPorts({ config, root, log });
  const understand = createLoadMemory(sha256);
  const createContext = (options: NodeOptions): PassContext => ({
    ports,
    state: createStateDirectory(config.stateDir, ports),
    config,
    adopt: options.adopt,
    mayRestart: options.mayRestart,
    retryQuarantined: options.retryQuarantined,
    gateTimeoutMs: GATE_TIMEOUT_MS,
    signal: new AbortController().signal,
    load: () => loadWanted(options.sources, { config, root, log }, ports, understand),
    render: createRenderMemory(),
  });
  return {
    createContext,
    acquireLock: () => takeLock(`${config.stateDir}/lock`, root),
  };
}

function takeLock(path: string, root: string): ReturnType<NodeDeps["acquireLock"]> {
  const lock = acquireLock(path, root === "" ? "/" : root);
  if (lock.held) return { release: lock.release };
  return {
    heldBy: lock.holder === undefined ? "another mirrorlet" : `another mirrorlet (pid ${lock.holder})`,
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function createPorts({ config, root, log }: NodeSetup): Ports {
  const { binary, socket, restart, certsD } = config.containerd;
  const containerd = createContainerd({ binary, socket, restart, root });
  return {
    files: createFiles({ ...(root === "" ? {} : { root }), confined: [certsD] }),
    containerd,
    prober: createProber(containerd, `${root}${socket}`, root),
    clock: createClock(),
    log,
    sha256,
  };
}

/** Asks mirrors with the environment of the containerd that runs now; one prober for each life of the daemon. */
function createProber(containerd: Containerd, hostSocket: string, root: string): MirrorProber {
  let instance: string | undefined;
  let prober: MirrorProber | undefined;
  return {
    async probe(mirror, signal) {
      const now = await containerd.instance();
      if (prober === undefined || now !== instance) {
        prober = createMirrorProber({ environment: readDaemonEnvironment(hostSocket) ?? {}, root });
        instance = now;
      }
      return prober.probe(mirror, signal);
    },
  };
}

/** Files that change the node must belong to root or to us, and nobody else may write them. */
async function loadWanted(
  sources: readonly string[],
  { config, root }: NodeSetup,
  ports: Ports,
  understand: LoadDesiredState,
): Promise<Wanted> {
  const read = await readDesiredStateSources(sources, { root, trust: "owner" });
  if (!read.ok) return none(read.issues, []);
  const { files, inputs } = trackInputs(ports.files);
  const { secretsDir, pullSecret } = config;
  const containerdVersion = await ports.containerd.version();
  const { state, digest, issues } = await understand(read.files, {
    files,
    clock: ports.clock,
    certificates: inspectCertificates,
    secretsDir,
    pullSecret,
    containerdVersion,
  });
  if (state === undefined || digest === undefined) return none(issues, inputs);
  const at = { file: resolve(sources[0] ?? ""), line: 1, column: 1 };
  return { kind: "state", state, digest, issues, at, inputs };
}

function none(issues: readonly Issue[], inputs: readonly string[]): Wanted {
  const errors = issues.filter((issue) => issue.severity === "error");
  const [first, ...more] = errors;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more: run mirrorlet validate)`;
  const message = first === undefined ? "there is no desired state" : `${formatIssue(first)}${rest}`;
  return { kind: "none", message, issues, inputs };
}

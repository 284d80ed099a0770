import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Wanted } from "../agent/choose-desired-state.ts";
import { createReadGuard } from "../agent/count-reads.ts";
import { distrustState, type RootsMemory } from "../agent/distrust-state.ts";
import { type FeedDocument, loadChosen } from "../agent/feed/load-chosen.ts";
import { refuseInsecure } from "../agent/feed/refuse-insecure.ts";
import { type GuardedLoad, loadWanted, nothingWanted } from "../agent/load-wanted.ts";
import type { PassContext } from "../agent/pass-context.ts";
import { readPin } from "../agent/pin.ts";
import type { Log, Ports } from "../agent/ports.ts";
import { createLoadMemory, type LoadDesiredState } from "../agent/remember-loaded.ts";
import { createStateDirectory, type StateDirectory } from "../agent/state-directory.ts";
import { createWitnessKeeper, type WitnessKeeper } from "../agent/witness-keeper.ts";
import type { NodeDeps, NodeOptions } from "../cli/node-deps.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { parseHostPort } from "../core/agent-config/listen-address.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { createRenderMemory } from "../core/render/remember-rendered.ts";
import { exposureOf } from "../edge/exposure-of.ts";
import { createMirrorProber } from "../edge/probe-mirror.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createClock } from "../host/clock.ts";
import { createContainerd } from "../host/containerd.ts";
import { createFiles } from "../host/files.ts";
import { filesForOwner } from "../host/files-for-owner.ts";
import { createHostRoot } from "../host/files-root.ts";
import { createRemoteContainerd } from "../host/helper/remote-containerd.ts";
import { createRemoteFiles } from "../host/helper/remote-files.ts";
import { acquireLock } from "../host/lock.ts";
import { sha256 } from "../host/sha256.ts";
import { witnessKeys } from "../host/witness-keys.ts";
import { agentsUser, type Owner } from "./agents-user.ts";
import { createRegistryClient, createRegistryEnvironment } from "./compose-registry.ts";
import { helperOf } from "./helper-of.ts";
import { keyFiles, readTrust, signingPorts } from "./read-trust.ts";
import { type RootsNotes, rootsNotes } from "./roots-notes.ts";

/** What of the command line and agent.toml decides how this node is reached. */
export interface NodeSetup {
  readonly config: AgentConfig;
  /** `--root`; "" for none. */
  readonly root: string;
  readonly log: Log;
}

/** How long containerd may take to come up well before it is rolled back. */
const GATE_TIMEOUT_MS = 60_000;

/**
 * Wires the adapters of the machine and the network to what commands and the agent need of them. `isLive`: below `root`
 * is a node that runs, and not the image of many.
 */
export function composeNode({ config, root, log }: NodeSetup, isLive = root === ""): NodeDeps {
  const owner = agentsUser(config, root);
  const notes = rootsNotes(config, root);
  const ports = createPorts({ config, root, log }, owner, notes);
  const own = createStateDirectory(config.stateDir, ports);
  const memory = async () => (await notes?.read()) ?? NO_MEMORY;
  const believed = owner === undefined ? own : distrustState(own, { owner, memory, config, sha256 });
  const state = notes === undefined ? believed : forgetting(believed, notes);
  const witness = createWitness(config, isLive, state, ports);
  const understand = createLoadMemory(sha256);
  const guard = createReadGuard(state, ports);
  const guarded =
    ({ countsReads, retryQuarantined }: NodeOptions) =>
    (...input: Parameters<LoadDesiredState>) =>
      countsReads === true
        ? guard(input[0], retryQuarantined, () => understand(...input))
        : understand(...input);
  const createContext = (options: NodeOptions): PassContext => ({
    ports,
    state,
    config,
    adopt: options.adopt,
    mayRestart: options.mayRestart,
    retryQuarantined: options.retryQuarantined,
    gateTimeoutMs: GATE_TIMEOUT_MS,
    signal: new AbortController().signal,
    load: () => loadNode(options, { config, root, log }, ports, state, guarded(options)),
    render: createRenderMemory(),
    witness,
    closeDirectories: notes?.closeDirectories,
  });
  return {
    createContext,
    acquireLock: () => takeLock(`${config.stateDir}/lock`, root),
  };
}

/** A node on which the helper has never run. */
const NO_MEMORY: RootsMemory = { replaced: {}, first: {}, receivers: [] };

/** What root has noted of the node goes with what the agent has. */
function forgetting(state: StateDirectory, notes: RootsNotes): StateDirectory {
  return {
    ...state,
    async clear() {
      await state.clear();
      await notes.forget();
    },
  };
}

/** The legacy style has no place for a host of our own. */
function createWitness(
  { evidence, style }: AgentConfig,
  isLive: boolean,
  state: StateDirectory,
  ports: Ports,
): WitnessKeeper | undefined {
  const address = parseHostPort(evidence.witnessAddress);
  if (!evidence.witness || style !== "certs.d" || address === undefined) return undefined;
  return createWitnessKeeper({ ip: address.host, mayMake: isLive, state, keys: witnessKeys, ports });
}

function takeLock(path: string, root: string): ReturnType<NodeDeps["acquireLock"]> {
  const lock = acquireLock(path, root === "" ? "/" : root);
  if (lock.held) return { release: lock.release };
  return {
    heldBy: lock.holder === undefined ? "another mirrorlet" : `another mirrorlet (pid ${lock.holder})`,
  };
}

/** Where a helper is named, what takes root's rights goes by way of it; the pass is the same. */
function createPorts(
  { config, root, log }: NodeSetup,
  owner: Owner | undefined,
  notes: RootsNotes | undefined,
): Ports {
  const { binary, socket, restart, certsD } = config.containerd;
  const ask = helperOf(config, root);
  const localContainerd = createContainerd({ binary, socket, restart, root });
  const containerd = ask === undefined ? localContainerd : createRemoteContainerd(ask, localContainerd);
  const clock = createClock();
  const confined = [certsD, config.stateDir];
  const plainFiles = createFiles({ ...(root === "" ? {} : { root }), confined, clock });
  const localFiles =
    owner === undefined
      ? plainFiles
      : filesForOwner(plainFiles, [config.stateDir, certsD], owner, createHostRoot(root === "" ? "/" : root));
  const rootsFiles = notes?.remember(localFiles) ?? localFiles;
  const files = ask === undefined ? rootsFiles : createRemoteFiles(ask, localFiles, config, root);
  const environment = createRegistryEnvironment(ask, `${root}${socket}`);
  return {
    files,
    containerd,
    prober: createMirrorProber({ client: createRegistryClient(containerd, environment, root) }),
    clock,
    log,
    sha256,
  };
}

/** What the agent is to bring into force: what its operator has pinned, what the feed has chosen, or its files. */
async function loadNode(
  options: NodeOptions,
  setup: NodeSetup,
  ports: Ports,
  state: StateDirectory,
  understand: GuardedLoad,
): Promise<Wanted> {
  const { config } = setup;
  const load = (sources: readonly string[] | FeedDocument) =>
    loadSources(sources, setup, ports, state, understand);
  if (options.isAgent !== true) return load(options.sources);
  const pin = await readPin(ports.files);
  if (pin !== undefined) return { kind: "kept", condition: pin, issues: [], inputs: keyFiles(config) };
  const choice = await options.feed?.();
  if (choice === undefined) return load(options.sources);
  const wanted = await loadChosen(choice, {
    document: async (document) =>
      isUnsignedFeed(config) ? refuseInsecure(await load(document)) : load(document),
    files: () => load(options.sources),
    hasFile: () => hasDesiredState(setup),
  });
  return wanted.kind === "kept" ? { ...wanted, inputs: keyFiles(config) } : wanted;
}

/** Files that change the node must belong to root or to us, and nobody else may write them. */
async function loadSources(
  sources: readonly string[] | FeedDocument,
  { config, root }: NodeSetup,
  ports: Ports,
  state: StateDirectory,
  understand: GuardedLoad,
): Promise<Exclude<Wanted, { kind: "kept" }>> {
  const isFeed = "envelope" in sources;
  const read = isFeed ? documentOf(sources) : await readSources(sources, { config, root });
  if (!read.ok) return nothingWanted(read.issues, []);
  const trusted = await readTrust(config, root);
  if (!trusted.ok) return nothingWanted(trusted.issues, keyFiles(config));
  const { expected } = trusted;
  const unsignedFiles = isFeed ? isUnsignedFeed(config) : expected.unsignedFiles;
  return loadWanted(read.files, {
    expected: { ...expected, unsignedFiles },
    signing: signingPorts,
    state,
    understand,
    load: {
      files: ports.files,
      exposureOf: (path) => exposureOf(path, root, process.getuid?.() ?? 0),
      clock: ports.clock,
      certificates: inspectCertificates,
      secretsDir: config.secretsDir,
      pullSecret: config.pullSecret,
      containerdVersion: await ports.containerd.version(),
    },
    at: { file: isFeed ? FEED_NAME : resolve(sources[0] ?? ""), line: 1, column: 1 },
    keyFiles: keyFiles(config),
  });
}

const FEED_NAME = "feed";

function documentOf({ envelope }: FeedDocument) {
  return { ok: true, files: [{ name: FEED_NAME, bytes: envelope }] } as const;
}

/** Without keys a feed is taken only where agent.toml says so. */
export function isUnsignedFeed({ feed, trust }: AgentConfig): boolean {
  return feed?.unsigned === true && trust.keys.length === 0;
}

/** False as well where it cannot be told: the file then says what is wrong with it, once it is there. */
export async function hasDesiredState({
  config,
  root,
}: Pick<NodeSetup, "config" | "root">): Promise<boolean> {
  return stat(`${root}${config.desiredState}`).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}

/**
 * What root alone may read, the helper reads, where it is the desired state of agent.toml. Rejects where it cannot be
 * reached: the pass then fails, and is tried again soon.
 */
async function readSources(
  sources: readonly string[],
  { config, root }: Pick<NodeSetup, "config" | "root">,
): ReturnType<typeof readDesiredStateSources> {
  const read = await readDesiredStateSources(sources, { root, trust: "owner" });
  const ask = helperOf(config, root);
  const isDenied = !read.ok && read.issues.some(({ code }) => code === "file-unreadable");
  if (ask === undefined || !isDenied || sources.length !== 1 || sources[0] !== config.desiredState)
    return read;
  const files = (await ask("desired-state")) as readonly SourceFile[] | undefined;
  return files === undefined ? read : { ok: true, files };
}

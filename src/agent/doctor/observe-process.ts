import { readRegistryConfig } from "../../core/containerd/registry-config.ts";
import type { ContainerdVersion } from "../../core/containerd/version.ts";
import { decodeText } from "../../core/decode-text.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import { DECISIVE_VARIABLES } from "../../core/doctor/process/check-unit.ts";
import type { ProcessView, TrustView } from "../../core/doctor/process/process-view.ts";
import { type DumpedRegistry, readDump } from "../../core/doctor/process/read-dump.ts";
import { SYSTEM_ROOT_DIRECTORIES, SYSTEM_ROOT_FILES } from "../../core/go-system-roots.ts";
import type { ObservedTree } from "../../core/host-state.ts";
import { observeConfig } from "../observe-host.ts";
import { type Containerd, type ContainerdHealth, type Files, HostError } from "../ports.ts";
import type { DaemonInspector, DaemonProcess } from "./daemon-inspector.ts";
import type { LocatedDaemon } from "./locate-daemon.ts";

export interface ObserveProcessDeps {
  readonly inspector: DaemonInspector;
  readonly files: Files;
  readonly containerd: Pick<Containerd, "dumpConfig">;
}

/** What was found out on the way to the view. */
export interface KnownDaemon {
  readonly daemon: LocatedDaemon;
  readonly process: DaemonProcess;
  readonly health: ContainerdHealth;
  readonly installed: ContainerdVersion | undefined;
  readonly isChosen: boolean;
  readonly restart: string;
}

/** The containerd that runs against the files of the view. Never throws: what cannot be looked at is left out. */
export async function observeProcess(
  view: NodeView,
  known: KnownDaemon,
  deps: ObserveProcessDeps,
): Promise<ProcessView> {
  const { daemon, process, health, installed, restart } = known;
  const { inspector, files } = deps;
  const { pid, startedMs, listeningMs, commandLine, environment, uid } = process;
  const unit = process.unit === undefined ? undefined : await inspector.unit(process.unit);
  const unreadConfig = await readUnreadConfig(known, view, files);
  const docker = await findDocker(inspector, files);
  const dump = await dumpOf(view, deps.containerd);
  return {
    pid,
    socket: daemon.socket,
    restart,
    configTimes: await timesOf(view, files),
    ...(startedMs === undefined ? {} : { startedMs }),
    ...(listeningMs === undefined ? {} : { listeningMs }),
    ...(commandLine === undefined ? {} : { commandLine }),
    ...(environment === undefined ? {} : { environment }),
    ...(uid === undefined ? {} : { uid }),
    ...(health.version === undefined ? {} : { version: health.version }),
    ...(installed === undefined ? {} : { installed }),
    ...(unreadConfig === undefined ? {} : { unreadConfig }),
    ...(process.isApart === true ? { seenOtherwise: await differingPaths(view, pid, deps) } : {}),
    unreadable: inspector.unreadableFor(pid, pathsOf(view)),
    ...(environment === undefined ? {} : { trust: trustOf(pid, environment, inspector) }),
    ...(unit === undefined || process.unit === undefined
      ? {}
      : { unit: { name: process.unit, ...unit, environment: onlyDecisive(unit.environment) } }),
    health,
    ...(dump === undefined ? {} : { dump }),
    ...(docker === undefined ? {} : { docker }),
  };
}

async function timesOf({ sources }: NodeView, files: Files): Promise<ProcessView["configTimes"]> {
  const reading = sources.map(async ({ path }) => {
    const file = await orUndefined(files.read(path));
    return file === undefined ? [] : [{ path, modifiedMs: file.modifiedMs }];
  });
  return (await Promise.all(reading)).flat();
}

async function readUnreadConfig(
  { daemon: { unreadConfig: path }, isChosen }: KnownDaemon,
  { version }: NodeView,
  files: Files,
): Promise<ProcessView["unreadConfig"]> {
  if (path === undefined) return undefined;
  const observed = await orUndefined(observeConfig(files, path, version));
  if (observed?.file === undefined) return undefined;
  const text = decodeText(observed.file.bytes);
  const config = readRegistryConfig({ path, text }, observed.imports, version);
  return { path, config, chosen: isChosen };
}

async function dumpOf(
  { configFile, sources }: NodeView,
  containerd: Pick<Containerd, "dumpConfig">,
): Promise<DumpedRegistry | undefined> {
  if (sources.length === 0) return undefined;
  const dumped = await orUndefined(containerd.dumpConfig(configFile));
  return dumped?.ok === true ? readDump(dumped.toml) : dumped;
}

/** Directories that are in force, their files, and the configuration itself. */
function pathsOf({ sources, roots }: NodeView): readonly string[] {
  const trees = roots.filter(({ standing }) => standing === "in-force").map(({ tree }) => tree);
  return [...sources.map(({ path }) => path), ...trees.flatMap((tree) => tree.files.map(({ path }) => path))];
}

async function differingPaths(
  { roots, sources }: NodeView,
  pid: number,
  { inspector, files }: ObserveProcessDeps,
): Promise<readonly string[]> {
  const theirs = inspector.filesSeenBy(pid);
  const different: string[] = [];
  for (const { path, text } of sources) {
    const file = await orUndefined(theirs.read(path));
    const ours = await orUndefined(files.read(path));
    // Neither of us may look: nothing is known.
    if (ours === undefined) continue;
    if (file === undefined || decodeText(file.bytes) !== text) different.push(path);
  }
  for (const { standing, tree } of roots) {
    if (standing !== "in-force") continue;
    const other = await orUndefined(theirs.readTree(tree.root));
    if (other !== undefined) different.push(...compareTrees(tree, other));
  }
  return different;
}

function compareTrees(ours: ObservedTree, theirs: ObservedTree): readonly string[] {
  if (ours.exists !== theirs.exists) return [ours.root];
  const [mine, other] = [ours, theirs].map(contentOf);
  const paths = [...new Set([...(mine?.keys() ?? []), ...(other?.keys() ?? [])])].sort();
  return paths.filter((path) => mine?.get(path) !== other?.get(path));
}

function contentOf({ files, directories }: ObservedTree): ReadonlyMap<string, string> {
  const decoder = new TextDecoder("latin1");
  return new Map([
    ...directories.map((path) => [path, "directory"] as const),
    ...files.map(({ path, bytes }) => [path, `file ${decoder.decode(bytes)}`] as const),
  ]);
}

/** What administrators add to is not what a package upgrade writes: that every node has, and seldom needs. */
const ANCHORS = [
  "/usr/local/share/ca-certificates",
  "/etc/pki/ca-trust/source/anchors",
  "/etc/pki/trust/anchors",
  "/etc/ca-certificates/trust-source/anchors",
];

function trustOf(
  pid: number,
  environment: Readonly<Record<string, string>>,
  inspector: DaemonInspector,
): TrustView {
  const isThere = (path: string): boolean => inspector.changedMs(path, pid) !== undefined;
  const file = environment["SSL_CERT_FILE"] ?? "";
  const directories = (environment["SSL_CERT_DIR"] ?? "").split(":").filter((path) => path !== "");
  const named = [
    ...(file === "" ? [] : [{ variable: "SSL_CERT_FILE", path: file }]),
    ...directories.map((path) => ({ variable: "SSL_CERT_DIR", path })),
  ];
  const files = file === "" ? SYSTEM_ROOT_FILES : [file];
  const looked = [...files, ...(directories.length === 0 ? SYSTEM_ROOT_DIRECTORIES : directories)];
  const newestAnchor = inspector.newestBelow(ANCHORS, pid);
  return {
    missing: named.filter(({ path }) => path.startsWith("/") && !isThere(path)),
    hasRoots: looked.some(isThere),
    ...(newestAnchor === undefined ? {} : { newestAnchor }),
  };
}

function onlyDecisive(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => DECISIVE_VARIABLES.includes(name)),
  );
}

const DOCKER_SOCKETS = ["/run/docker.sock", "/var/run/docker.sock"];

async function findDocker(inspector: DaemonInspector, files: Files): Promise<ProcessView["docker"]> {
  const socket = DOCKER_SOCKETS.find((path) => inspector.isListenedOn(path));
  if (socket === undefined) return undefined;
  const settings = await orUndefined(files.read("/etc/docker/daemon.json"));
  const text = settings === undefined ? "" : new TextDecoder().decode(settings.bytes);
  return { socket, hasMirrors: /"registry-mirrors"\s*:\s*\[\s*"/.test(text) };
}

async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

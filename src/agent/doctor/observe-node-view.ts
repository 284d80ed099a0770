import {
  configPathsIn,
  findMisplaced,
  registryTablesIn,
} from "../../core/containerd/config/find-misplaced.ts";
import { type MergedConfig, mergeConfig } from "../../core/containerd/config/merge-config.ts";
import { joinTrees, treeOfObserved } from "../../core/containerd/host-tree.ts";
import { describeRegistryConfig, type RegistryConfig } from "../../core/containerd/registry-config.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "../../core/containerd/version.ts";
import type { DropInsView, NodeView, RootView } from "../../core/doctor/node-view.ts";
import type { ConfigText } from "../../core/host-state.ts";
import { observeConfig } from "../observe-host.ts";
import { type Files, HostError, type Ports } from "../ports.ts";
import { observeDropIns } from "./observe-drop-ins.ts";

export interface ObserveNodeOptions {
  readonly version: ContainerdVersion;
  /** containerd's config.toml. */
  readonly configFile: string;
  /** Where this node's registry configuration is meant to be. */
  readonly certsD: string;
}

/** Where people put registry configuration, whether containerd looks there or not. */
const USUAL_ROOTS = ["/etc/containerd/certs.d", "/etc/docker/certs.d"];

/** Far more than anybody has. */
const MAX_ROOTS = 32;

/** Reads what the checks see: files alone, no network, no containerd. Throws HostError when one cannot be read. */
export async function observeNodeView(
  { files, clock }: Pick<Ports, "files" | "clock">,
  { version, configFile, certsD }: ObserveNodeOptions,
): Promise<NodeView> {
  const traits = traitsOf(version);
  const troubles = new Map<string, string>();
  const observed = await observeConfig(tolerant(files, configFile, troubles), configFile, version);
  const main = observed.file && { path: configFile, text: decode(observed.file.bytes) };
  const sources: readonly ConfigText[] = main === undefined ? [] : [main, ...observed.imports];
  const dropIns = await observeDropIns(files, sources, version, { configFile, troubles });
  const merged = refuseMissing(mergeConfig(sources, traits), dropIns);
  const config = describeRegistryConfig(merged, traits);
  const modes = await readModes(sources, files);
  const named = listNamedRoots(merged, config, dropIns, traits);
  const roots = await observeRoots(config.roots, config.configPath, named, certsD, files);
  const tree = joinTrees(roots.map((root) => treeOfObserved(root.tree)));
  const nowMs = clock.now();
  return { version, traits, configFile, sources, merged, config, dropIns, modes, roots, tree, nowMs };
}

/** An import that cannot be read stops containerd, not the doctor: it is remembered and taken for missing. */
function tolerant(files: Files, configFile: string, troubles: Map<string, string>): Files {
  const read = async (path: string) => {
    try {
      return await files.read(path);
    } catch (error) {
      if (!(error instanceof HostError) || path === configFile) throw error;
      troubles.set(path, error.message);
      return undefined;
    }
  };
  return { ...files, read };
}

function refuseMissing(merged: MergedConfig, { missing: [first] }: DropInsView): MergedConfig {
  if (merged.refusal !== undefined || first === undefined) return merged;
  const { path, reason, at } = first;
  return { ...merged, refusal: { kind: "import", reason: `open ${path}: ${reason}`, at } };
}

async function readModes(
  sources: readonly ConfigText[],
  files: Files,
): Promise<Readonly<Record<string, number>>> {
  const modes = sources.map(async ({ path }) => [path, (await files.read(path))?.mode] as const);
  const known = (await Promise.all(modes)).flatMap(([path, mode]) =>
    mode === undefined ? [] : [[path, mode & 0o777] as const],
  );
  return Object.fromEntries(known);
}

/** Directories that settings without effect name: somebody means them to be read. */
function listNamedRoots(
  merged: MergedConfig,
  { ignored }: RegistryConfig,
  { strays }: DropInsView,
  traits: ContainerdTraits,
): readonly string[] {
  const nodes = [
    ...ignored.map(({ content }) => content),
    ...findMisplaced(merged, traits).map(({ node }) => node),
    ...strays.flatMap((stray) => registryTablesIn(stray, traits)),
  ];
  return nodes.flatMap((node) => configPathsIn(node).flatMap((path) => path.split(":")));
}

async function observeRoots(
  inForce: readonly string[],
  configPath: string,
  named: readonly string[],
  certsD: string,
  files: Files,
): Promise<readonly RootView[]> {
  const standings = new Map<string, RootView["standing"]>();
  const add = (path: string, standing: RootView["standing"]) => {
    if (/^\/./.test(path) && !standings.has(path) && standings.size < MAX_ROOTS)
      standings.set(path, standing);
  };
  for (const path of inForce) add(path, "in-force");
  for (const path of configPath.split(":")) add(path, "split");
  for (const path of named) add(path, "named");
  for (const path of [certsD, ...USUAL_ROOTS]) add(path, "usual");
  const reading = [...standings].map(async ([path, standing]): Promise<RootView> => {
    return { ...(await readRoot(path, files)), standing };
  });
  return Promise.all(reading);
}

async function readRoot(root: string, files: Files): Promise<Omit<RootView, "standing">> {
  try {
    return { tree: await files.readTree(root) };
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== "not-a-directory") throw error;
    const others = [{ path: root, reason: "not a directory" }];
    return { tree: { root, exists: false, directories: [], files: [], others }, isFile: true };
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

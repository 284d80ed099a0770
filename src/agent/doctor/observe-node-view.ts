import type { InspectCertificates } from "../../core/certificates.ts";
import {
  configPathsIn,
  findMisplaced,
  registryTablesIn,
} from "../../core/containerd/config/find-misplaced.ts";
import { type MergedConfig, mergeConfig } from "../../core/containerd/config/merge-config.ts";
import { joinTrees, treeOfObserved } from "../../core/containerd/host-tree.ts";
import { rememberHostsFiles } from "../../core/containerd/read-hosts-file.ts";
import { describeRegistryConfig, type RegistryConfig } from "../../core/containerd/registry-config.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "../../core/containerd/version.ts";
import { decodeText } from "../../core/decode-text.ts";
import { rememberFates } from "../../core/doctor/fate.ts";
import type { DropInsView, NodeView } from "../../core/doctor/node-view.ts";
import type { ConfigText } from "../../core/host-state.ts";
import { observeConfig } from "../observe-host.ts";
import { type Files, HostError, type Ports } from "../ports.ts";
import { observeDropIns } from "./observe-drop-ins.ts";
import { observeRoots } from "./observe-roots.ts";
import { observeTlsFiles } from "./observe-tls-files.ts";

export interface ObserveNodeOptions {
  readonly version: ContainerdVersion;
  /** containerd's config.toml. */
  readonly configFile: string;
  /** Where this node's registry configuration is meant to be. */
  readonly certsD: string;
  readonly inspectCertificates: InspectCertificates;
}

/** Reads what the checks see: files alone, no network, no containerd. Throws HostError when one cannot be read. */
export async function observeNodeView(
  { files, clock }: Pick<Ports, "files" | "clock">,
  { version, configFile, certsD, inspectCertificates }: ObserveNodeOptions,
): Promise<NodeView> {
  const traits = traitsOf(version);
  const troubles = new Map<string, string>();
  const observed = await observeConfig(tolerant(files, configFile, troubles), configFile, version);
  const main = observed.file && { path: configFile, text: decodeText(observed.file.bytes) };
  const sources: readonly ConfigText[] = main === undefined ? [] : [main, ...observed.imports];
  const dropIns = await observeDropIns(files, sources, version, { configFile, troubles });
  const merged = refuseMissing(mergeConfig(sources, traits), dropIns);
  const config = describeRegistryConfig(merged, traits);
  const modes = await readModes(sources, files);
  const named = listNamedRoots(merged, config, dropIns, traits);
  const roots = await observeRoots({ config, configFile, named, certsD }, files);
  const inside = rememberHostsFiles(joinTrees(roots.map((root) => treeOfObserved(root.tree))));
  const tls = await observeTlsFiles(
    { version, config, roots, tree: inside },
    { files, clock, inspectCertificates },
  );
  const nowMs = clock.now();
  const isAloneInEtc = configFile === CONFIG_IN_ETC || !(await exists(CONFIG_IN_ETC, files));
  const seen = { configFile, isAloneInEtc, sources, dropIns, modes, roots, ...tls };
  return rememberFates({ version, traits, merged, config, nowMs, ...seen });
}

const CONFIG_IN_ETC = "/etc/containerd/config.toml";

async function exists(path: string, files: Files): Promise<boolean> {
  try {
    return (await files.read(path)) !== undefined;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return true;
  }
}

/** An import that cannot be read, whoever tries, stops containerd, not the doctor: it is remembered and taken for missing. */
function tolerant(files: Files, configFile: string, troubles: Map<string, string>): Files {
  const read = async (path: string) => {
    try {
      return await files.read(path);
    } catch (error) {
      if (!(error instanceof HostError) || path === configFile || error.code === "denied") throw error;
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

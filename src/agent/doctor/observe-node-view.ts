import type { InspectCertificates } from "../../core/certificates.ts";
import { mergeConfig } from "../../core/containerd/config/merge-config.ts";
import { cleanPath } from "../../core/containerd/go-path.ts";
import { joinTrees, treeOfObserved } from "../../core/containerd/host-tree.ts";
import { describeRegistryConfig } from "../../core/containerd/registry-config.ts";
import { type ContainerdVersion, traitsOf } from "../../core/containerd/version.ts";
import { rememberFates } from "../../core/doctor/fate.ts";
import type { NodeView, RootView } from "../../core/doctor/node-view.ts";
import type { ConfigText, ObservedTree } from "../../core/host-state.ts";
import { observeConfig } from "../observe-host.ts";
import { type Files, HostError, type Ports } from "../ports.ts";
import { observeTlsFiles } from "./observe-tls-files.ts";

export interface ObserveNodeOptions {
  readonly version: ContainerdVersion;
  /** containerd's config.toml. */
  readonly configFile: string;
  /** Where this node's registry configuration is meant to be. */
  readonly certsD: string;
  readonly inspectCertificates: InspectCertificates;
}

/** Where people put registry configuration, whether containerd looks there or not. */
const USUAL_ROOTS = ["/etc/containerd/certs.d", "/etc/docker/certs.d"];

/** Reads what the checks see: files alone, no network, no containerd. Throws HostError when one cannot be read. */
export async function observeNodeView(
  { files, clock }: Pick<Ports, "files" | "clock">,
  { version, configFile, certsD, inspectCertificates }: ObserveNodeOptions,
): Promise<NodeView> {
  const traits = traitsOf(version);
  const observed = await observeConfig(files, configFile, version);
  const main = observed.file && { path: configFile, text: decode(observed.file.bytes) };
  const sources: readonly ConfigText[] = main === undefined ? [] : [main, ...observed.imports];
  const merged = mergeConfig(sources, traits);
  const config = describeRegistryConfig(merged, traits);
  const roots = await observeRoots(config.roots, config.configPath, certsD, files);
  const inside = joinTrees(roots.map((root) => treeOfObserved(root.tree)));
  const { tree, certificates } = await observeTlsFiles(
    { version, config, roots, tree: inside },
    {
      files,
      inspectCertificates,
    },
  );
  const nowMs = clock.now();
  return rememberFates({
    version,
    traits,
    configFile,
    sources,
    merged,
    config,
    roots,
    tree,
    certificates,
    nowMs,
  });
}

async function observeRoots(
  inForce: readonly string[],
  configPath: string,
  certsD: string,
  files: Files,
): Promise<readonly RootView[]> {
  const standings = new Map<string, RootView["standing"]>();
  const add = (written: string, standing: RootView["standing"]) => {
    const path = cleanPath(written);
    if (path.startsWith("/") && !standings.has(path)) standings.set(path, standing);
  };
  for (const path of inForce) add(path, "in-force");
  for (const path of configPath.split(":")) add(path, "split");
  for (const path of [certsD, ...USUAL_ROOTS]) add(path, "usual");
  const reading = [...standings].map(async ([path, standing]): Promise<RootView> => {
    const tree = await readRoot(path, files);
    return { tree, standing, tooDeep: await readTooDeep(tree, files) };
  });
  return Promise.all(reading);
}

const MAX_TOO_DEEP = 32;

/** A hosts.toml where containerd never looks is still somebody's wish. */
async function readTooDeep({ others }: ObservedTree, files: Files): Promise<readonly ObservedTree[]> {
  const paths = others.filter(({ reason }) => reason.startsWith("directory")).map(({ path }) => path);
  const trees: ObservedTree[] = [];
  for (const path of paths.slice(0, MAX_TOO_DEEP)) {
    try {
      trees.push(await files.readTree(path));
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
  }
  return trees;
}

async function readRoot(root: string, files: Files): Promise<ObservedTree> {
  try {
    return await files.readTree(root);
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== "not-a-directory") throw error;
    return { root, exists: false, directories: [], files: [], others: [] };
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

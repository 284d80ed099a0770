import { type HostTree, joinTrees, treeOfObserved } from "../core/containerd/host-tree.ts";
import type { ImageReference } from "../core/containerd/image-reference.ts";
import { type RegistryConfig, readRegistryConfig } from "../core/containerd/registry-config.ts";
import { type Resolution, resolveImage } from "../core/containerd/resolve-image.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { decodeText } from "../core/decode-text.ts";
import { observeConfig } from "./observe-host.ts";
import type { Files, ObservedFile } from "./ports.ts";
import { readOutside } from "./read-outside.ts";

export interface ObservedResolution {
  readonly config: RegistryConfig;
  readonly resolution: Resolution;
  /** The files of the registry directories, and the CA and client files that hosts name. */
  readonly readFile: (path: string) => Uint8Array | undefined;
  /** Some of these files stand outside the registry directories. */
  readonly readsOutside: boolean;
}

/** config.toml with its imports, and the registry directories that are in force, as one look found them. */
export interface ObservedRegistries {
  readonly version: ContainerdVersion;
  readonly config: RegistryConfig;
  readonly tree: HostTree;
  /** All of it as parts that compare: the same parts in the same order, nothing has changed. */
  readonly parts: readonly (string | ObservedFile)[];
}

/**
 * What containerd of that version, with the configuration on this node, would do with a reference. Reads config.toml
 * with its imports, the directories in force and the TLS files their hosts name; asks nobody. Throws HostError when
 * one of the first two cannot be read.
 */
export async function observeResolution(
  files: Files,
  configPath: string,
  reference: ImageReference,
  version: ContainerdVersion,
): Promise<ObservedResolution> {
  return resolveObserved(await observeRegistries(files, configPath, version), reference, files);
}

/** The first half of it, which is the same for every reference. */
export async function observeRegistries(
  files: Files,
  configPath: string,
  version: ContainerdVersion,
): Promise<ObservedRegistries> {
  const { file, imports } = await observeConfig(files, configPath, version);
  const text = file && decodeText(file.bytes);
  const main = text === undefined ? undefined : { path: configPath, text };
  const config = readRegistryConfig(main, imports, version);
  const trees = await Promise.all(config.roots.map((root) => files.readTree(root)));
  const parts = [
    version.text,
    text ?? "",
    ...imports.flatMap(({ path, text: imported }) => [path, imported]),
    ...trees.flatMap(({ directories, others }) => [...directories, ...others.map(({ path }) => path)]),
    // Files that have not changed are the very same objects.
    ...trees.flatMap((tree) => tree.files),
  ];
  return { version, config, tree: joinTrees(trees.map((tree) => treeOfObserved(tree))), parts };
}

/** The second half. Reads only TLS files that stand outside the registry directories. */
export async function resolveObserved(
  { version, config, tree }: ObservedRegistries,
  reference: ImageReference,
  files: Files,
): Promise<ObservedResolution> {
  const first = resolveImage({ reference, version, config, tree });
  const missing = first.tlsFiles.filter((path) => tree.kindOf(path) === undefined && path.startsWith("/"));
  if (missing.length === 0)
    return { config, resolution: first, readFile: tree.readFile, readsOutside: false };
  const whole = joinTrees([tree, (await readOutside(missing, files)).tree]);
  const resolution = resolveImage({ reference, version, config, tree: whole });
  return { config, resolution, readFile: whole.readFile, readsOutside: true };
}

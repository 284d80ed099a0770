import { type HostTree, joinTrees, treeOfObserved } from "../core/containerd/host-tree.ts";
import type { ImageReference } from "../core/containerd/image-reference.ts";
import { type RegistryConfig, readRegistryConfig } from "../core/containerd/registry-config.ts";
import { type Resolution, resolveImage } from "../core/containerd/resolve-image.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { observeConfig } from "./observe-host.ts";
import { type Files, HostError } from "./ports.ts";

export interface ObservedResolution {
  readonly config: RegistryConfig;
  readonly resolution: Resolution;
  /** The files of the registry directories, and the CA and client files that hosts name. */
  readonly readFile: (path: string) => Uint8Array | undefined;
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
  const { file, imports } = await observeConfig(files, configPath, version);
  const text = file && new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.bytes);
  const main = text === undefined ? undefined : { path: configPath, text };
  const config = readRegistryConfig(main, imports, version);
  const trees = await Promise.all(
    config.roots.map(async (root) => treeOfObserved(await files.readTree(root))),
  );
  const tree = joinTrees(trees);
  const first = resolveImage({ reference, version, config, tree });
  const missing = first.tlsFiles.filter((path) => tree.kindOf(path) === undefined && path.startsWith("/"));
  if (missing.length === 0) return { config, resolution: first, readFile: tree.readFile };
  const whole = joinTrees([tree, await readOutside(missing, files)]);
  const resolution = resolveImage({ reference, version, config, tree: whole });
  return { config, resolution, readFile: whole.readFile };
}

/** Files outside the registry directories; one that is there but cannot be read is known as just that. */
async function readOutside(paths: readonly string[], files: Files): Promise<HostTree> {
  const read = new Map<string, Uint8Array | undefined>();
  for (const path of paths) {
    try {
      const file = await files.read(path);
      if (file !== undefined) read.set(path, file.bytes);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      read.set(path, undefined);
    }
  }
  return {
    kindOf: (path) => (read.has(path) ? "file" : undefined),
    readFile: (path) => read.get(path),
    listFiles: () => [],
  };
}

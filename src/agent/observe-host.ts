import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { type ImportPattern, importPatterns } from "../core/containerd/config/import-patterns.ts";
import { cleanPath } from "../core/containerd/go-path.ts";
import { readRegistryConfig } from "../core/containerd/registry-config.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { decodeText } from "../core/decode-text.ts";
import type { ConfigText, HostState, ObservedConfig, ObservedTree, OtherRoot } from "../core/host-state.ts";
import { globToRegExp } from "./glob-to-reg-exp.ts";
import { legacyDirectory } from "./legacy-directory.ts";
import { type Files, HostError, type Ports } from "./ports.ts";

/** Far more than anybody has; a cycle of imports cannot run away. */
const MAX_IMPORTS = 256;
const MAX_ROOTS = 32;

/** Reads what a pass decides on: certs.d, the legacy PEM files, config.toml and everything it imports. */
export async function observeHost(
  ports: Pick<Ports, "files">,
  config: AgentConfig,
  version: ContainerdVersion,
): Promise<HostState> {
  const [certsD, legacyFiles, observed] = await Promise.all([
    ports.files.readTree(config.containerd.certsD),
    ports.files.readTree(legacyDirectory(config)),
    observeConfig(ports.files, config.containerd.config, version),
  ]);
  const otherRoots = await observeOtherRoots(ports.files, observed, config.containerd.certsD, version);
  return { version, certsD, legacyFiles, config: observed, otherRoots };
}

/** What config_path names besides certs.d, as the version reads it: a list is one name for the transfer service. */
async function observeOtherRoots(
  files: Files,
  { path, file, imports }: ObservedConfig,
  certsD: string,
  version: ContainerdVersion,
): Promise<readonly OtherRoot[]> {
  const main = file === undefined ? undefined : { path, text: decodeText(file.bytes) };
  const { configPath, roots } = readRegistryConfig(main, imports, version);
  // containerd's working directory is `/`.
  const absolute = (list: readonly string[]) =>
    list.filter((root) => root !== "").map((root) => cleanPath(`/${root}`));
  const read = new Set(absolute(roots));
  const named = new Set([...read, ...absolute(configPath.split(":"))]);
  const others = [...named].filter((root) => root !== certsD && root !== "/").slice(0, MAX_ROOTS);
  const trees = await Promise.all(others.map((root) => readRoot(root, files)));
  return trees.map((tree) => ({ tree, isRead: read.has(tree.root) }));
}

/** Where a file stands in place of the directory nothing can be lost: every pull fails on it. */
async function readRoot(root: string, files: Files): Promise<ObservedTree> {
  try {
    return await files.readTree(root);
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== "not-a-directory") throw error;
    return { root, exists: false, directories: [], files: [], others: [] };
  }
}

export async function observeConfig(
  files: Files,
  path: string,
  version: ContainerdVersion,
): Promise<ObservedConfig> {
  const file = await files.read(path);
  if (file === undefined) return { path, file, imports: [] };
  const imports: ConfigText[] = [];
  const queue: ConfigText[] = [{ path, text: decodeText(file.bytes) }];
  const seen = new Set([path]);
  for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
    for (const pattern of importPatterns(source, version)) {
      for (const next of await expand(pattern, files)) {
        if (seen.has(next.path) || seen.size > MAX_IMPORTS) continue;
        seen.add(next.path);
        imports.push(next);
        queue.push(next);
      }
    }
  }
  return { path, file, imports };
}

/**
 * The files a pattern names, in lexical order. A glob in a directory part is not expanded: the effective
 * configuration that the installed binary dumps is checked besides, and shows what such an import does.
 */
async function expand(pattern: ImportPattern, files: Files): Promise<readonly ConfigText[]> {
  const path = pattern.isRelativeToDaemon ? `/${pattern.pattern}` : pattern.pattern;
  if (!pattern.isGlob) {
    const file = await files.read(path);
    return file === undefined ? [] : [{ path, text: decodeText(file.bytes) }];
  }
  const slash = path.lastIndexOf("/");
  const directory = path.slice(0, slash);
  if (directory.includes("*")) return [];
  const name = globToRegExp(path.slice(slash + 1));
  const tree = await files.readTree(directory);
  return tree.files
    .filter((file) => file.path.lastIndexOf("/") === slash && name.test(file.path.slice(slash + 1)))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map((file) => ({ path: file.path, text: decodeText(file.bytes) }));
}

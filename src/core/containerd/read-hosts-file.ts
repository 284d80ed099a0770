import { joinPath } from "./go-path.ts";
import type { HostTree } from "./host-tree.ts";
import { type HostsFile, readHostsToml } from "./hosts-toml/read-hosts-toml.ts";
import type { ContainerdVersion } from "./version.ts";

/** The hosts.toml of a directory as that release reads it; a tree with a memory reads each once. */
export function readHostsFile(tree: HostTree, version: ContainerdVersion, directory: string): HostsFile {
  const identity = `${version.text} ${directory}`;
  const known = tree.hostsFiles?.get(identity);
  if (known !== undefined) return known;
  const file = readHostsToml(tree.readFile(joinPath(directory, "hosts.toml")), version, directory);
  tree.hostsFiles?.set(identity, file);
  return file;
}

/** The tree with a memory of its own. */
export function rememberHostsFiles(tree: HostTree): HostTree {
  return { ...tree, hostsFiles: new Map() };
}

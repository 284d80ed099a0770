import { readDockerCerts } from "../../containerd/docker-certs.ts";
import type { HostTree } from "../../containerd/host-tree.ts";
import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import type { HostsFile } from "../../containerd/hosts-toml/read-hosts-toml.ts";
import { listLegacyHosts } from "../../containerd/legacy-mirrors.ts";
import { readHostsFile } from "../../containerd/read-hosts-file.ts";
import type { RegistryConfig } from "../../containerd/registry-config.ts";
import { type ContainerdVersion, traitsOf } from "../../containerd/version.ts";
import { type Gradual, mapGradually } from "../../gradual.ts";
import type { RootView } from "../node-view.ts";

/** What decides which TLS files a node's hosts name. */
export interface TlsSources {
  readonly version: ContainerdVersion;
  readonly config: RegistryConfig;
  readonly roots: readonly RootView[];
  readonly tree: HostTree;
}

/** A directory's hosts, or the one of Docker's layout where its hosts.toml counts for nothing. */
export function entriesOfDirectory(path: string, file: HostsFile, tree: HostTree): readonly HostEntry[] {
  return file.kind === "hosts" ? file.entries : [readDockerCerts(path, tree)];
}

/** All hosts that a release may ever ask on this node, whatever the namespace. */
export function* listAllEntries({ version, config, roots, tree }: TlsSources): Gradual<readonly HostEntry[]> {
  const directories = roots
    .filter(({ standing }) => standing === "in-force")
    .flatMap(({ tree }) => tree.directories);
  const legacy = config.mirrors.flatMap(({ namespace }) => {
    const listed = listLegacyHosts(config, namespace, traitsOf(version));
    return listed.ok ? listed.entries : [];
  });
  const entriesOf = (path: string): readonly HostEntry[] => {
    const file = readHostsFile(tree, version, path);
    return entriesOfDirectory(path, file, tree);
  };
  return [...(yield* mapGradually(directories, entriesOf)).flat(), ...legacy];
}

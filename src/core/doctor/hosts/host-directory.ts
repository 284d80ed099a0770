import type { HostsFile } from "../../containerd/hosts-toml/read-hosts-toml.ts";
import { readHostsFile } from "../../containerd/read-hosts-file.ts";
import type { Resolution } from "../../containerd/resolve-image.ts";
import type { ObservedFile, ObservedTree } from "../../host-state.ts";
import { type Fate, fateOf } from "../fate.ts";
import { lookedUpAs, type MeantNamespace, readDirectoryName } from "../meant-namespace.ts";
import type { NodeView, RootView } from "../node-view.ts";

/** A directory below a root, with what containerd and a person make of its name. */
export interface HostDirectory {
  readonly path: string;
  readonly name: string;
  readonly root: string;
  readonly standing: RootView["standing"];
  /** Directly in it. */
  readonly files: readonly ObservedFile[];
  readonly others: ObservedTree["others"];
  /** The namespace containerd looks it up for, `*` for all others; undefined: it never does. */
  readonly namespace: string | undefined;
  /** Undefined: nobody can tell whose pulls it is for. */
  readonly meant: MeantNamespace | undefined;
}

/** A directory whose files decide over the pulls of its namespace. */
export interface RulingDirectory extends HostDirectory {
  readonly namespace: string;
  readonly fate: Fate;
  readonly resolution: Resolution;
  /** Its hosts.toml as the release reads it, whatever is wrong with files that this names. */
  readonly parsed: HostsFile;
  /** Of hosts.toml; empty where there is none that can be read. */
  readonly text: string;
}

export function listHostDirectories(view: NodeView): readonly HostDirectory[] {
  return view.roots.flatMap(({ tree, standing }) => {
    const files = groupByDirectory(tree.files);
    const others = groupByDirectory(tree.others);
    return tree.directories.map((path): HostDirectory => {
      const name = nameIn(path);
      const namespace = lookedUpAs(name);
      // Who has images of registry-1.docker.io on the node means just that.
      const isInUse = namespace !== undefined && view.namespacesInUse?.includes(namespace) === true;
      const meant = isInUse ? { namespace } : readDirectoryName(name);
      const inside = { files: files.get(path) ?? [], others: others.get(path) ?? [] };
      return { path, name, root: tree.root, standing, ...inside, namespace, meant };
    });
  });
}

/** Undefined: containerd takes another directory for the namespace, or none, or does not get that far. */
export function rulingDirectory(directory: HostDirectory, view: NodeView): RulingDirectory | undefined {
  const { namespace, path, standing } = directory;
  if (namespace === undefined || standing === "usual") return undefined;
  const fate = fateOf(namespace, view);
  const resolution = fate.byTag;
  if (resolution?.directory !== path || resolution.candidates.at(-1)?.found !== "directory") return undefined;
  const bytes = view.tree.readFile(`${path}/hosts.toml`);
  const parsed = readHostsFile(view.tree, view.version, path);
  const text = bytes === undefined ? "" : new TextDecoder().decode(bytes);
  return { ...directory, namespace, fate, resolution, parsed, text };
}

/** The last element of a path. */
export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function groupByDirectory<T extends { readonly path: string }>(
  items: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const directory = directoryOf(item.path);
    const group = groups.get(directory);
    if (group === undefined) groups.set(directory, [item]);
    else group.push(item);
  }
  return groups;
}

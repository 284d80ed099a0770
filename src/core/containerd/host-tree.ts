import type { ObservedTree } from "../host-state.ts";
import { baseName, cleanPath } from "./go-path.ts";
import type { HostsFile } from "./hosts-toml/read-hosts-toml.ts";

/** What containerd finds below its registry directories and at the files they name. Symlinks are followed. */
export interface HostTree {
  kindOf(path: string): "file" | "directory" | undefined;
  /** Undefined when there is no such file, or it is there and cannot be read: `kindOf` tells which. */
  readFile(path: string): Uint8Array | undefined;
  /** Names of the files (not directories) in a directory, in byte order. */
  listFiles(directory: string): readonly string[];
  /** It is there and kept from whoever looks, which says nothing about containerd: taken for good. */
  isHidden?(path: string): boolean;
  /** Memory of `readHostsFile`, by release and directory. */
  readonly hostsFiles?: Map<string, HostsFile>;
}

interface TreeFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A tree of rendered files, and of files and directories that are there besides. */
export function treeOfFiles(files: readonly TreeFile[], directories: readonly string[] = []): HostTree {
  const bytes = new Map(files.map((file) => [cleanPath(file.path), file.bytes]));
  return buildTree(bytes, directories, []);
}

/** The tree as it is on the node, with the files outside it that its hosts.toml files name. */
export function treeOfObserved(tree: ObservedTree, outside: readonly TreeFile[] = []): HostTree {
  const bytes = new Map([...tree.files, ...outside].map((file) => [cleanPath(file.path), file.bytes]));
  const root = tree.exists ? [tree.root] : [];
  // A link to nothing does not exist for containerd; whatever else is here does, and reading it fails.
  const unreadable = tree.others.filter(({ reason }) => reason !== "symbolic link to nothing");
  return buildTree(
    bytes,
    [...root, ...tree.directories],
    unreadable.map(({ path }) => path),
  );
}

/** One view of several trees; the first that knows a path counts. */
export function joinTrees(trees: readonly HostTree[]): HostTree {
  return {
    kindOf: (path) => trees.map((tree) => tree.kindOf(path)).find((kind) => kind !== undefined),
    readFile: (path) => trees.map((tree) => tree.readFile(path)).find((bytes) => bytes !== undefined),
    listFiles: (path) => [...new Set(trees.flatMap((tree) => tree.listFiles(path)))].sort(),
  };
}

/** The same tree, in which some paths are known to be kept from whoever looks. */
export function hidePaths(tree: HostTree, paths: readonly string[]): HostTree {
  const hidden = new Set(paths.map(cleanPath));
  return hidden.size === 0 ? tree : { ...tree, isHidden: (path) => hidden.has(cleanPath(path)) };
}

function buildTree(
  bytes: ReadonlyMap<string, Uint8Array>,
  directories: readonly string[],
  unreadable: readonly string[],
): HostTree {
  const files = new Set([...bytes.keys(), ...unreadable.map(cleanPath)]);
  const given = directories.map(cleanPath);
  const known = new Set(given);
  for (const path of [...files, ...given])
    for (let parent = parentOf(path); !known.has(parent); parent = parentOf(parent)) known.add(parent);
  return {
    kindOf: (path) => {
      const clean = cleanPath(path);
      return files.has(clean) ? "file" : known.has(clean) ? "directory" : undefined;
    },
    readFile: (path) => bytes.get(cleanPath(path)),
    listFiles: (directory) => {
      const prefix = `${cleanPath(directory)}/`;
      return [...files]
        .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
        .map(baseName)
        .sort();
    },
  };
}

/** Of the root, the root. */
function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

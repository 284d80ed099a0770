import { joinPath } from "./go-path.ts";
import type { HostTree } from "./host-tree.ts";
import type { ContainerdTraits } from "./version.ts";

/** A path containerd looks for, in its order. */
export interface DirectoryCandidate {
  readonly path: string;
  readonly found: "directory" | "file" | "absent";
}

export interface DirectoryChoice {
  /** The first candidate that exists, whatever is in it; undefined: none does. */
  readonly path?: string;
  /** Every path looked at, up to the chosen one. */
  readonly candidates: readonly DirectoryCandidate[];
  /** Why the pull fails here, in containerd's words. */
  readonly failure?: string;
}

/**
 * The directory that holds a namespace's hosts.toml. Roots go outermost, so `_default` of the first root beats the
 * exact name in the second; and existence alone decides, so an empty directory masks `_default`.
 */
export function chooseDirectory(
  roots: readonly string[],
  tree: HostTree,
  namespace: string,
  traits: ContainerdTraits,
): DirectoryChoice {
  const candidates: DirectoryCandidate[] = [];
  for (const root of roots)
    for (const name of directoryNames(namespace, traits)) {
      const path = joinPath(root, name);
      const found = tree.kindOf(path) ?? "absent";
      candidates.push({ path, found });
      if (found === "directory") return { path, candidates };
      if (found === "file")
        return { path, candidates, failure: `open ${joinPath(path, "hosts.toml")}: not a directory` };
      if (tree.kindOf(root) === "file") return { candidates, failure: `stat ${path}: not a directory` };
    }
  return { candidates };
}

/** Names below a root, best first: `host_port_`, the namespace itself, `_default`. */
function directoryNames(namespace: string, traits: ContainerdTraits): readonly string[] {
  const colon = namespace.lastIndexOf(":");
  const portable = colon > 0 ? [`${namespace.slice(0, colon)}_${namespace.slice(colon + 1)}_`] : [];
  return [...portable, namespace, ...(traits.knowsDefaultDirectory ? ["_default"] : [])];
}

import { isOwned } from "../file-tree.ts";
import type { ObservedFile, ObservedTree } from "../host-state.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import type { Step } from "./step.ts";

/**
 * A directory that is wholly ours and unwanted goes as one; elsewhere hosts.toml goes before the PEM files. So it does
 * there, too, where the directory without it hides nothing: a pull that has read it may be about to open its CA.
 */
export function planRemovals(
  removed: readonly ObservedFile[],
  wanted: readonly RenderedRegistry[],
  observed: ObservedTree,
): readonly Step[] {
  const wantedDirectories = new Set(wanted.map((registry) => registry.directory));
  const occupied = new Set([
    ...observed.files.filter((file) => !isOwned(file.bytes)).map((file) => parentOf(file.path)),
    ...observed.others.map((other) => parentOf(other.path)),
    observed.root,
  ]);
  const whole = (path: string): boolean => !wantedDirectories.has(path) && !occupied.has(path);
  const paths = removed.map(({ path }) => path);
  const directories = [...new Set(paths.map(parentOf))].filter(whole).sort();
  const pem = paths.filter((path) => !isHostsToml(path));
  const fallback = `${observed.root}/_default`;
  const canHide =
    wantedDirectories.has(fallback) ||
    (observed.directories.includes(fallback) && !directories.includes(fallback));
  const first = new Set(canHide ? [] : pem.map(parentOf));
  const isAlone = (path: string): boolean => !whole(parentOf(path));
  const hosts = paths.filter((path) => isHostsToml(path) && (isAlone(path) || first.has(parentOf(path))));
  return [
    ...removeStep("remove-files", hosts),
    ...removeStep("remove-directories", directories),
    ...removeStep("remove-files", pem.filter(isAlone)),
  ];
}

function isHostsToml(path: string): boolean {
  return path.endsWith("/hosts.toml");
}

function removeStep(kind: "remove-files" | "remove-directories", paths: readonly string[]): readonly Step[] {
  return paths.length === 0 ? [] : [{ kind, paths }];
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

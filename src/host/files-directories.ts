import { chmodSync, lstatSync, mkdirSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { HostError } from "../agent/ports.ts";
import { errnoOf } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";

/**
 * Finds, checks and creates the directories of one batch of changes. Each is looked at once per batch.
 * Below a confined directory (certs.d) a sub-directory that is a link to somewhere else is refused: whoever
 * planted it would choose where files with credentials go.
 */
export interface Directories {
  /** Host path of a file as it is to be renamed into place or removed: its directory's links followed, not its own. */
  place(nodePath: string): string;
  /** Creates the file's directory and missing parents, 0755 whatever the umask. */
  create(nodePath: string): void;
  /** Host paths of directories that got a new sub-directory and need an fsync. */
  readonly grown: ReadonlySet<string>;
}

export function createDirectories(root: HostRoot, confined: readonly string[]): Directories {
  const known = new Map<string, string>();
  const grown = new Set<string>();

  const locate = (nodeDirectory: string): string => {
    const seen = known.get(nodeDirectory);
    if (seen !== undefined) return seen;
    const parent = dirname(nodeDirectory);
    const found = confined.includes(parent)
      ? locateConfined(root, nodeDirectory, locate(parent))
      : root.resolve(nodeDirectory);
    known.set(nodeDirectory, found);
    return found;
  };
  return {
    grown,
    place: (nodePath) => join(locate(dirname(nodePath)), basename(nodePath)),
    create: (nodePath) => createMissing(locate(dirname(nodePath)), grown),
  };
}

function locateConfined(root: HostRoot, nodeDirectory: string, parent: string): string {
  const direct = join(parent, basename(nodeDirectory));
  if (statOf(direct)?.isSymbolicLink() !== true) return direct;
  const target = root.resolve(nodeDirectory);
  if (target.startsWith(`${parent}/`)) return target;
  const message = `refusing to follow ${nodeDirectory}: it is a symbolic link to ${root.toNode(target)}, outside ${root.toNode(parent)}; nothing was written there. Replace the link by a directory`;
  throw new HostError("symlink", nodeDirectory, message, { retryable: false });
}

function createMissing(directory: string, grown: Set<string>): void {
  if (statOf(directory) !== undefined) return;
  const parent = dirname(directory);
  createMissing(parent, grown);
  try {
    mkdirSync(directory, 0o755);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    throw error;
  }
  // mkdir's mode passes through the umask.
  chmodSync(directory, 0o755);
  grown.add(parent);
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

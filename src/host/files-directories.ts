import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
} from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { HostError } from "../agent/ports.ts";
import { errnoOf } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";

/**
 * A directory in which something is about to change. Below a confined one (certs.d, the state directory) it is held
 * open, and `path` leads to it by way of the descriptor: whoever renames it or puts a link in its place meanwhile,
 * which the user the agent runs as can do, does not choose where files go that root writes.
 */
export interface OpenDirectory {
  /** What to put before a name in it. Good until `close`. */
  readonly path: string;
  /** The same for the same directory, whatever it is called. */
  readonly identity: string;
  close(): void;
}

/** Finds, checks and creates the directories of one batch of changes. Paths are node paths. */
export interface Directories {
  /** Throws ENOENT and ENOTDIR as the system does, and a HostError `symlink` for a link that leads out of a confined one. */
  open(directory: string): OpenDirectory;
  /** The same, with missing ones created, 0755 whatever the umask. */
  create(directory: string): OpenDirectory;
  /** Node paths of directories that got a new sub-directory and need an fsync. */
  readonly grown: ReadonlySet<string>;
  close(): void;
}

export function createDirectories(root: HostRoot, confined: readonly string[]): Directories {
  const grown = new Set<string>();
  const anchors = new Map<string, number>();

  const anchorOf = (top: string): number => {
    const known = anchors.get(top);
    if (known !== undefined) return known;
    // Links above certs.d are the administrator's, and so is what they lead to.
    const opened = openDirectory(root.resolve(top));
    anchors.set(top, opened);
    return opened;
  };
  const createMissing = (hostPath: string): void => {
    if (exists(hostPath)) return;
    const parent = dirname(hostPath);
    createMissing(parent);
    if (!makeDirectory(hostPath)) return;
    // mkdir's mode passes through the umask.
    chmodSync(hostPath, 0o755);
    grown.add(root.toNode(parent));
  };
  const open = (directory: string, mayCreate: boolean): OpenDirectory => {
    const wanted = join(directory);
    if (wanted !== directory) throw notPlain(directory);
    const top = confined.find((each) => isAtOrBelow(wanted, each));
    if (mayCreate) createMissing(root.resolve(top ?? wanted));
    if (top === undefined) return plain(root.resolve(wanted));
    const grow = mayCreate ? (parent: string) => grown.add(parent) : undefined;
    return walk({ anchor: anchorOf(top), top, wanted, root, grow });
  };
  return {
    grown,
    open: (directory) => open(directory, false),
    create: (directory) => open(directory, true),
    close() {
      for (const descriptor of anchors.values()) closeSync(descriptor);
      anchors.clear();
    },
  };
}

/** Opens what `path` names if it is a directory itself and no link to one. */
export function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** proc_pid_fd(5): leads to the open directory and not to what has its name now. */
export function pathOfDescriptor(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

function plain(path: string): OpenDirectory {
  return { path, identity: path, close() {} };
}

interface Walk {
  readonly anchor: number;
  readonly top: string;
  readonly wanted: string;
  readonly root: HostRoot;
  /** Creates what is missing and is told where; undefined: does not. */
  readonly grow: ((parent: string) => void) | undefined;
}

/** Step by step from the confined directory, each opened by its parent's descriptor. */
function walk({ anchor, top, wanted, root, grow }: Walk): OpenDirectory {
  let at = anchor;
  let path = top;
  try {
    for (const name of namesBetween(top, linkedInside(anchor, top, wanted, root))) {
      const entry = join(pathOfDescriptor(at), name);
      const isNew = grow !== undefined && !exists(entry) && makeDirectory(entry);
      const next = openDirectory(entry);
      if (at !== anchor) closeSync(at);
      at = next;
      if (isNew) {
        fchmodSync(at, 0o755);
        grow(path);
      }
      path = join(path, name);
    }
    const { dev, ino } = fstatSync(at);
    const opened = at;
    const close = opened === anchor ? () => {} : () => closeSync(opened);
    return { path: pathOfDescriptor(opened), identity: `${dev}:${ino}`, close };
  } catch (error) {
    if (at !== anchor) closeSync(at);
    throw error;
  }
}

/**
 * A host directory may be a link to another one beside it, and to nothing else: whoever planted it would choose where
 * files with credentials go. What this finds is walked without links, so that it need not still be true.
 */
function linkedInside(anchor: number, top: string, wanted: string, root: HostRoot): string {
  const [first] = namesBetween(top, wanted);
  if (first === undefined) return wanted;
  const found = lstatSync(join(pathOfDescriptor(anchor), first), { throwIfNoEntry: false });
  if (found?.isSymbolicLink() !== true) return wanted;
  const realTop = root.toNode(root.resolve(top));
  const target = root.toNode(root.resolve(wanted));
  if (target !== realTop && isAtOrBelow(target, realTop)) return join(top, relative(realTop, target));
  const message = `refusing to follow ${wanted}: it is a symbolic link to ${target}, outside ${realTop}; nothing was written there. Replace the link by a directory`;
  throw new HostError("symlink", wanted, message, { retryable: false });
}

/** Nobody above has reason to ask for `..`: it is an input that got through. */
function notPlain(path: string): HostError {
  const message = `refusing to change ${path}: it has empty parts, . or .. in it, and could lead anywhere`;
  return new HostError("bad-path", path, message, { retryable: false });
}

function namesBetween(top: string, below: string): readonly string[] {
  return relative(top, below)
    .split(sep)
    .filter((name) => name !== "");
}

function isAtOrBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

/** False when somebody else was faster. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, 0o755);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Runs `work` in the directory of `path`; its name there is joined to what it is given. */
export async function inDirectoryOf<T>(
  directory: OpenDirectory,
  path: string,
  work: (place: string) => T | Promise<T>,
): Promise<T> {
  try {
    const name = basename(path);
    if (name === "." || name === ".." || name === "") throw notPlain(path);
    return await work(join(directory.path, name));
  } finally {
    directory.close();
  }
}

import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from "node:fs";
import { HostError, type ObservedFile, type ObservedTree } from "../agent/ports.ts";
import { errnoOf, toHostError } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";
import { isTemporaryName } from "./files-temporary.ts";

/** Nothing containerd or we write comes near these; what does is not read into memory. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_TREE_FILE_BYTES = 1024 * 1024;

/** Follows symlinks; undefined when there is nothing at the path, or only a link to nothing. */
export function readObserved(nodePath: string, root: HostRoot): ObservedFile | undefined {
  try {
    const hostPath = root.resolve(nodePath);
    const stats = statSync(hostPath, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) throw notAFile(nodePath, stats);
    if (stats.size > MAX_FILE_BYTES) throw tooLarge(nodePath, stats);
    return observe(nodePath, root.toNode(hostPath), readRegular(hostPath), stats);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw toHostError(error, nodePath, "read");
  }
}

/**
 * Reads trees again and again, cheaply: bytes and listings whose inode and change time have not moved are kept.
 * The calls are synchronous on purpose: for thousands of tiny cached files the thread pool costs ten times the
 * system calls.
 */
export function createTreeReader(root: HostRoot): (nodePath: string) => ObservedTree {
  const caches = new Map<string, Cache>();
  return (nodePath) => {
    const visit = new Visit(nodePath, root, caches.get(nodePath) ?? emptyCache());
    const tree = visit.tree();
    caches.set(nodePath, visit.fresh);
    return tree;
  };
}

interface Identity {
  readonly inode: number;
  readonly device: number;
  readonly changedMs: number;
}
interface RememberedFile extends Identity {
  readonly file: ObservedFile;
}
interface RememberedListing extends Identity {
  readonly entries: readonly Dirent[];
}
interface Cache {
  readonly files: Map<string, RememberedFile>;
  readonly listings: Map<string, RememberedListing>;
}
const emptyCache = (): Cache => ({ files: new Map(), listings: new Map() });

// Kernel times advance in ticks of up to 10 ms: a file changed this recently may change again unseen.
const SETTLED_AFTER_MS = 100;

class Visit {
  readonly fresh = emptyCache();
  readonly #nodeRoot: string;
  readonly #root: HostRoot;
  readonly #old: Cache;
  readonly #directories: string[] = [];
  readonly #linked: string[] = [];
  readonly #files: ObservedFile[] = [];
  readonly #others: { path: string; reason: string }[] = [];
  readonly #now = Date.now();

  constructor(nodeRoot: string, root: HostRoot, old: Cache) {
    this.#nodeRoot = nodeRoot;
    this.#root = root;
    this.#old = old;
  }

  tree(): ObservedTree {
    const hostRoot = this.#root.resolve(this.#nodeRoot);
    const entries = this.#list(hostRoot);
    for (const entry of entries ?? []) this.#visit(this.#nodeRoot, hostRoot, entry, true);
    return {
      root: this.#nodeRoot,
      exists: entries !== undefined,
      directories: this.#directories,
      linked: this.#linked,
      files: this.#files,
      others: this.#others,
    };
  }

  #list(hostPath: string): readonly Dirent[] | undefined {
    try {
      return readdirSync(hostPath, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw toHostError(error, this.#nodeRoot, "read");
    }
  }

  #visit(nodeDirectory: string, hostDirectory: string, entry: Dirent, descend: boolean): void {
    if (isTemporaryName(entry.name)) return;
    const path = `${nodeDirectory}/${entry.name}`;
    try {
      const linked = entry.isSymbolicLink();
      const hostPath = linked ? this.#root.resolve(path) : `${hostDirectory}/${entry.name}`;
      const stats = entry.isDirectory() && descend ? undefined : statSync(hostPath);
      if (linked && stats?.isDirectory() === true && descend) this.#linked.push(path);
      if (stats === undefined || (stats.isDirectory() && descend)) this.#descend(path, hostPath);
      else if (!stats.isFile()) this.#other(path, kindOf(stats));
      else if (stats.size > MAX_TREE_FILE_BYTES)
        this.#other(path, `larger than ${MAX_TREE_FILE_BYTES} bytes`);
      else this.#file(path, hostPath, stats);
    } catch (error) {
      const dangling = entry.isSymbolicLink() && errnoOf(error) === "ENOENT";
      // Removed between the listing and here: the same as never seen.
      if (!dangling && errnoOf(error) === "ENOENT") return;
      this.#other(path, dangling ? "symbolic link to nothing" : toHostError(error, path, "read").message);
    }
  }

  #descend(path: string, hostPath: string): void {
    const stats = statSync(hostPath);
    const known = this.#old.listings.get(hostPath);
    const entries =
      known !== undefined && isSame(known, stats)
        ? known.entries
        : readdirSync(hostPath, { withFileTypes: true });
    this.#directories.push(path);
    if (this.#isSettled(stats)) this.fresh.listings.set(hostPath, { ...identityOf(stats), entries });
    for (const entry of entries) this.#visit(path, hostPath, entry, false);
  }

  #file(path: string, hostPath: string, stats: Stats): void {
    const realPath = this.#root.toNode(hostPath);
    const known = this.#old.files.get(path);
    const file =
      known !== undefined && isSame(known, stats) && known.file.realPath === realPath
        ? known.file
        : observe(path, realPath, readRegular(hostPath), stats);
    this.#files.push(file);
    if (this.#isSettled(stats)) this.fresh.files.set(path, { ...identityOf(stats), file });
  }

  #isSettled(stats: Stats): boolean {
    return this.#now - stats.ctimeMs > SETTLED_AFTER_MS;
  }

  #other(path: string, reason: string): void {
    this.#others.push({ path, reason });
  }
}

function identityOf(stats: Stats): Identity {
  return { inode: stats.ino, device: stats.dev, changedMs: stats.ctimeMs };
}

// Any change of content, mode, owner or entries moves the change time; an exchanged file has another inode.
function isSame(known: Identity, stats: Stats): boolean {
  return known.inode === stats.ino && known.device === stats.dev && known.changedMs === stats.ctimeMs;
}

function observe(path: string, realPath: string, bytes: Uint8Array, stats: Stats): ObservedFile {
  const { mode, uid, gid, mtimeMs } = stats;
  return { path, realPath, bytes, mode: mode & 0o7777, uid, gid, modifiedMs: mtimeMs };
}

// O_NONBLOCK: a pipe put in place of the file must not hold up the pass.
function readRegular(hostPath: string): Uint8Array {
  const descriptor = openSync(hostPath, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error("it is no longer a regular file");
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "directory, one level too deep for containerd";
  if (stats.isSocket()) return "socket";
  return stats.isFIFO() ? "named pipe" : "device";
}

function notAFile(path: string, stats: Stats): HostError {
  const kind = stats.isDirectory() ? "directory" : kindOf(stats);
  const code = stats.isDirectory() ? "is-directory" : "not-a-file";
  return new HostError(code, path, `cannot read ${path}: it is a ${kind}, not a file; move it away`, {
    retryable: false,
  });
}

function tooLarge(path: string, stats: Stats): HostError {
  const message = `cannot read ${path}: ${stats.size} bytes is over the limit of ${MAX_FILE_BYTES}; is this the right file?`;
  return new HostError("too-large", path, message, { retryable: false });
}

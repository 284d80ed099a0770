import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import type { ObservedFile, ObservedTree } from "../agent/ports.ts";
import { type TurnClock, takeTurns } from "../agent/take-turns.ts";
import { errnoOf, toHostError } from "./files-error.ts";
import { follow, readFollowed } from "./files-follow.ts";
import { kindOf, observe } from "./files-read.ts";
import type { HostRoot } from "./files-root.ts";
import { isTemporaryName } from "./files-temporary.ts";

/** Nothing containerd or we write comes near this; what does is not read into memory. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads trees again and again, cheaply: everything is looked at each time, but bytes and listings whose inode and
 * change time have not moved are kept. The calls are synchronous on purpose: for thousands of tiny cached files the
 * thread pool costs ten times the system calls. What waits for the loop gets its turn between entries.
 */
export function createTreeReader(options: TreeOptions): (nodePath: string) => Promise<ObservedTree> {
  const remembered = new Map<string, Entry>();
  return (nodePath) => {
    const top = remembered.get(nodePath) ?? { name: "", kind: "link", path: nodePath, hostPath: "" };
    remembered.set(nodePath, top);
    return new Visit(options).tree(top);
  };
}

interface TreeOptions {
  readonly root: HostRoot;
  readonly confined: readonly string[];
  readonly clock: TurnClock;
}

interface Identity {
  readonly inode: number;
  readonly device: number;
  readonly changedMs: number;
}
interface RememberedFile {
  readonly identity: Identity;
  readonly file: ObservedFile;
}
interface Listing {
  readonly identity: Identity;
  /** Host path, links followed. */
  readonly directory: string;
  readonly entries: readonly Entry[];
}

/** A name in a directory, and what was found behind it the last time. */
interface Entry {
  readonly name: string;
  readonly kind: "directory" | "link" | "other";
  /** Node path. */
  readonly path: string;
  /** The link's own, where it is one. */
  readonly hostPath: string;
  listing?: Listing;
  file?: RememberedFile | undefined;
}

// Kernel times advance in ticks of up to 10 ms: a file changed this recently may change again unseen. Some file systems
// keep whole seconds only, ext3 and ext4 with inodes of 128 bytes among them.
const SETTLED_AFTER_MS = 100;
const SETTLED_AFTER_COARSE_MS = 2_100;

class Visit {
  readonly #root: HostRoot;
  readonly #confined: readonly string[];
  readonly #directories: string[] = [];
  readonly #linked: string[] = [];
  readonly #files: ObservedFile[] = [];
  readonly #others: { path: string; reason: string }[] = [];
  readonly #nowMs = Date.now();
  readonly #turn: () => Promise<void>;

  constructor({ root, confined, clock }: TreeOptions) {
    this.#root = root;
    this.#confined = confined;
    this.#turn = takeTurns(clock);
  }

  async tree(top: Entry): Promise<ObservedTree> {
    const exists = await this.#visitTop(top);
    return {
      root: top.path,
      exists,
      directories: this.#directories,
      linked: this.#linked,
      files: this.#files,
      others: this.#others,
    };
  }

  async #visitTop(top: Entry): Promise<boolean> {
    let entries: readonly Entry[];
    try {
      const hostPath = this.#root.resolve(top.path);
      entries = this.#list(top, hostPath, statSync(hostPath));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw toHostError(error, top.path, "read");
    }
    for (const entry of entries) {
      await this.#turn();
      this.#visit(entry, true);
    }
    return true;
  }

  #visit(entry: Entry, mayDescend: boolean): void {
    const linked = entry.kind === "link";
    try {
      const hostPath = linked ? this.#root.resolve(entry.path) : entry.hostPath;
      const stats = statSync(hostPath);
      if (stats.isDirectory() && mayDescend) this.#descend(entry, hostPath, stats);
      else if (!stats.isFile()) this.#other(entry, kindOf(stats));
      else if (stats.size > MAX_FILE_BYTES) this.#other(entry, `larger than ${MAX_FILE_BYTES} bytes`);
      else this.#files.push(this.#read(entry, hostPath, stats));
    } catch (error) {
      const isAbsent = errnoOf(error) === "ENOENT";
      if (isAbsent && linked) this.#other(entry, "symbolic link to nothing");
      // Removed between the listing and here: the same as never seen.
      else if (!isAbsent) this.#other(entry, toHostError(error, entry.path, "read").message);
    }
  }

  #descend(entry: Entry, hostPath: string, stats: Stats): void {
    if (entry.kind === "link") this.#linked.push(entry.path);
    const entries = this.#list(entry, hostPath, stats);
    this.#directories.push(entry.path);
    for (const below of entries) this.#visit(below, false);
  }

  /** Sorted by name, without our own temporary files. */
  #list(entry: Entry, directory: string, stats: Stats): readonly Entry[] {
    const before = entry.listing?.directory === directory ? entry.listing : undefined;
    if (before !== undefined && isSame(before.identity, stats)) return before.entries;
    const known = new Map(before?.entries.map((each) => [each.name, each]));
    const entries = readdirSync(directory, { withFileTypes: true })
      .filter(({ name }) => !isTemporaryName(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((dirent) => keepOrCreate(known.get(dirent.name), dirent, entry.path, directory));
    entry.listing = { identity: this.#identity(stats), directory, entries };
    return entries;
  }

  #read(entry: Entry, hostPath: string, stats: Stats): ObservedFile {
    const realPath = this.#root.toNode(hostPath);
    const known = entry.file;
    if (known?.file.realPath === realPath && isSame(known.identity, stats)) return known.file;
    const followed = follow(entry.path, this.#root, this.#confined);
    const bytes = readFollowed(entry.path, { ...followed, hostPath });
    const file = observe(entry.path, realPath, bytes, stats);
    entry.file = { identity: this.#identity(stats), file };
    return file;
  }

  #identity(stats: Stats): Identity {
    const isCoarse = stats.ctimeMs % 1000 === 0;
    const settledAfterMs = isCoarse ? SETTLED_AFTER_COARSE_MS : SETTLED_AFTER_MS;
    const isSettled = this.#nowMs - stats.ctimeMs > settledAfterMs;
    return { inode: stats.ino, device: stats.dev, changedMs: isSettled ? stats.ctimeMs : Number.NaN };
  }

  #other({ path }: Entry, reason: string): void {
    this.#others.push({ path, reason });
  }
}

function keepOrCreate(known: Entry | undefined, dirent: Dirent, parent: string, directory: string): Entry {
  const kind = dirent.isDirectory() ? "directory" : dirent.isSymbolicLink() ? "link" : "other";
  if (known?.kind === kind) return known;
  const { name } = dirent;
  const path = `${parent}/${name}`;
  return { name, kind, path, hostPath: parent === directory ? path : `${directory}/${name}` };
}

// Any change of content, mode, owner or entries moves the change time; an exchanged file has another inode. A change
// time that had not settled is NaN, which equals nothing.
function isSame(known: Identity, stats: Stats): boolean {
  return known.inode === stats.ino && known.device === stats.dev && known.changedMs === stats.ctimeMs;
}

import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Log } from "../agent/ports.ts";
import { createDebounce } from "./debounce.ts";

/** A directory whose entries matter. */
export interface WatchTarget {
  readonly directory: string;
  /** Only these entries; undefined: all of them. */
  readonly only?: readonly string[];
}

export interface PathsWatch {
  /** Asks for the targets again, after a pass that created or removed directories. */
  refresh(): void;
  close(): void;
}

const quietMs = 20;
const floodMs = 200;

/**
 * Calls `onChange` after something in one of the directories was created, changed, renamed or removed, the
 * directory itself included. A directory that is missing is waited for in its nearest parent. One inotify watch
 * and no file descriptor per directory, no listing, no stat.
 *
 * Never throws: where the kernel gives no more watches, that is logged once and the resync has to notice.
 */
export function watchPaths(
  targets: () => readonly WatchTarget[],
  log: Log,
  onChange: () => void,
): PathsWatch {
  const watch = new DirectoryWatches(log, onChange, targets);
  watch.refresh();
  return watch;
}

/** Names that matter in a directory; undefined: all. */
type Names = ReadonlySet<string> | undefined;

interface Watched {
  readonly watcher: FSWatcher;
  names: Names;
}

class DirectoryWatches implements PathsWatch {
  readonly #targets: () => readonly WatchTarget[];
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  /** Directories that were removed, moved or replaced: what is watched there is not what the path names now. */
  readonly #stale = new Set<string>();
  readonly #debounce;
  #closed = false;
  #complained = false;

  constructor(log: Log, onChange: () => void, targets: () => readonly WatchTarget[]) {
    this.#log = log;
    this.#targets = targets;
    this.#debounce = createDebounce(quietMs, floodMs, () => {
      this.refresh();
      onChange();
    });
  }

  refresh(): void {
    if (this.#closed) return;
    for (const directory of this.#stale) this.#drop(directory);
    this.#stale.clear();
    const wanted = new Map<string, Names>();
    for (const { directory, only } of this.#targets()) this.#want(wanted, directory, only && new Set(only));
    for (const directory of [...this.#watched.keys()]) if (!wanted.has(directory)) this.#drop(directory);
  }

  close(): void {
    this.#closed = true;
    this.#debounce.cancel();
    for (const directory of [...this.#watched.keys()]) this.#drop(directory);
  }

  /** Watches the directory, or while it is missing its nearest parent for the name that leads to it. */
  #want(wanted: Map<string, Names>, directory: string, names: Names): void {
    const both = wanted.has(directory) ? union(wanted.get(directory), names) : names;
    const watched = this.#watched.get(directory);
    if (watched !== undefined) watched.names = both;
    else if (!this.#open(directory, both)) {
      const parent = dirname(directory);
      if (parent !== directory) this.#want(wanted, parent, new Set([basename(directory)]));
      return;
    }
    wanted.set(directory, both);
  }

  /** False when the directory is missing. */
  #open(directory: string, names: Names): boolean {
    try {
      const watcher = watch(directory, { persistent: false });
      this.#watched.set(directory, { watcher, names });
      watcher.on("change", (event, name) => this.#seen(directory, event, name?.toString()));
      watcher.on("error", () => {
        this.#stale.add(directory);
        this.#debounce.poke();
      });
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return false;
      this.#complain(directory, message, code === "EMFILE" ? "instances" : "watches");
      return true;
    }
  }

  #seen(directory: string, event: string, name: string | undefined): void {
    const watched = this.#watched.get(directory);
    if (watched === undefined) return;
    // The kernel names the watched directory itself when it is removed or moved away.
    const isItself = name === undefined || name === basename(directory);
    if (isItself && event === "rename") this.#stale.add(directory);
    if (!isItself && watched.names?.has(name) === false) return;
    // A directory that was renamed into the place of one that we watch.
    if (event === "rename" && name !== undefined) this.#stale.add(join(directory, name));
    this.#debounce.poke();
  }

  #drop(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }

  /** Of inotify there are no `lack` left, as far as that is the reason. */
  #complain(directory: string, message: string, lack: "instances" | "watches"): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warn(
      { path: directory, error: message },
      `drift cannot be watched everywhere: it is noticed at the next resync; raise fs.inotify.max_user_${lack}`,
    );
  }
}

function union(left: Names, right: Names): Names {
  return left === undefined || right === undefined ? undefined : new Set([...left, ...right]);
}

import { type FSWatcher as DirectoryWatcher, watch as watchDirectory } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import type { Log } from "../agent/ports.ts";
import { createDebounce } from "./debounce.ts";
import { isSourceName } from "./read-desired-state-sources.ts";
import { tracePath } from "./trace-path.ts";

export interface WatchDesiredStateOptions {
  /** Absolute path of a file or of a directory of files; it need not exist, nor its parents. */
  readonly path: string;
  /** Put before the path; "" for none. */
  readonly root: string;
  readonly log: Log;
}

export interface DesiredStateWatch {
  /** Changes from here on are seen. Resolves also when watching failed: then only the resync notices. */
  readonly ready: Promise<void>;
  /** Tries again what could not be watched for want of the kernel's means. */
  refresh(): void;
  close(): Promise<void>;
}

const quietMs = 20;
const floodMs = 200;

/**
 * Calls `onTouch` at once, whenever the desired state may have changed or may be about to: somebody may still be
 * writing it. It may come far too often, never too seldom.
 *
 * What is watched are the directories in which the path is looked up, through every link on the way, because
 * replacing a file, swapping a link (Kubernetes' `..data`), saving in an editor and creating a missing parent all
 * are changes of an entry in one of these. After each change the way may lead elsewhere, so it is traced anew.
 * The files themselves are watched too: through another name of theirs (a bind mount, a hard link) they can be
 * written without any of these directories being touched.
 *
 * The kernel is asked for the directories, not Chokidar, which lists a directory and looks at all that is in it
 * whenever anything there is written: in a busy /tmp or /srv, without end.
 */
export function watchDesiredState(options: WatchDesiredStateOptions, onTouch: () => void): DesiredStateWatch {
  const watcher = new Watcher(options, onTouch);
  return { ready: watcher.ready, refresh: () => watcher.refresh(), close: () => watcher.close() };
}

interface Watched {
  /** Directories to watch, and the names in them that matter. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
  /** The files at the end of the way, as far as they exist. */
  readonly files: readonly string[];
}

class Watcher {
  readonly ready: Promise<void>;
  readonly #options: WatchDesiredStateOptions;
  readonly #onTouch: () => void;
  readonly #debounce = createDebounce(quietMs, floodMs, () => this.#refollow());
  #chokidar: FSWatcher | undefined;
  #directories: DirectoryWatcher[] = [];
  #identity = "";
  #working: Promise<void>;
  #closed = false;
  #complained = false;
  /** Something is not watched that could be, once there are inotify instances or descriptors again. */
  #isLacking = false;

  constructor(options: WatchDesiredStateOptions, onTouch: () => void) {
    this.#options = options;
    this.#onTouch = onTouch;
    this.#working = this.#follow().then(() => undefined);
    this.ready = this.#working;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#debounce.cancel();
    // In this order: a watch that is just being set up is closed too, and Chokidar loses none of its own when it
    // is closed only after it was ready.
    await this.#working;
    await this.#unwatch();
  }

  refresh(): void {
    if (this.#isLacking && !this.#closed) this.#refollow();
  }

  #touched(): void {
    if (this.#closed) return;
    this.#onTouch();
    this.#debounce.poke();
  }

  #refollow(): void {
    this.#working = this.#working.then(async () => {
      // Between two watches a change can slip through.
      if ((await this.#follow()) && !this.#closed) this.#onTouch();
    });
  }

  /** Watches where the path leads now. True when that is elsewhere than before. Never rejects. */
  async #follow(): Promise<boolean> {
    let moved = false;
    // Ends when the way is the same before and after; the bound is for somebody who swaps it all the time.
    for (let attempt = 0; attempt < 5 && !this.#closed; attempt++) {
      try {
        const watched = await directoriesOf(this.#options);
        const identity = await identify(watched);
        if ((identity === this.#identity && !this.#isLacking) || this.#closed) return moved;
        moved = true;
        this.#isLacking = false;
        await this.#watch(watched);
        this.#identity = identity;
        if (this.#isLacking) return moved;
      } catch (error) {
        // Gone between two looks: look again.
        if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
        this.#isLacking = true;
        this.#complain(error);
        return moved;
      }
    }
    if (!this.#closed) this.#debounce.poke();
    return moved;
  }

  async #watch({ names, files }: Watched): Promise<void> {
    // Chokidar shares watches of one path in the whole process, so the old ones have to go first.
    await this.#unwatch();
    if (this.#closed) return;
    for (const [directory, wanted] of names) this.#watchNames(directory, wanted);
    if (files.length > 0) await this.#watchFiles(files);
  }

  #watchNames(directory: string, wanted: ReadonlySet<string>): void {
    let watcher: DirectoryWatcher;
    try {
      watcher = watchDirectory(directory, (_event, name) => {
        // The kernel names the directory itself when it is removed or moved away.
        if (name === null || name === basename(directory) || isWanted(wanted, name)) this.#touched();
      });
    } catch (error) {
      // One that the agent's user may not read must not cost the watch of the others; the periodic pass looks behind it.
      if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
      this.#complain(error);
      return;
    }
    this.#directories.push(watcher);
    watcher.on("error", () => this.#touched());
  }

  async #watchFiles(files: readonly string[]): Promise<void> {
    const chokidar = watch([...files], { followSymlinks: false, ignoreInitial: true, atomic: false });
    this.#chokidar = chokidar;
    chokidar.on("error", (error) => {
      // A file that root alone may read: its directory tells of it all the same.
      if ((error as NodeJS.ErrnoException).code === "EACCES") return;
      this.#isLacking = true;
      this.#complain(error);
    });
    // `all` would say the same a little later, after a look at the file, and nothing of a change of mode or owner.
    chokidar.on("raw", () => this.#touched());
    await new Promise<void>((resolve) => this.#onceReady(chokidar, resolve));
  }

  async #unwatch(): Promise<void> {
    for (const watcher of this.#directories.splice(0)) watcher.close();
    await this.#chokidar?.close();
    this.#chokidar = undefined;
  }

  #onceReady(chokidar: FSWatcher, resolve: () => void): void {
    // Closing drops the listeners of chokidar, so `ready` may never come.
    const timer = setTimeout(resolve, 2000);
    chokidar.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
  }

  #complain(error: unknown): void {
    if (this.#complained || this.#closed) return;
    this.#complained = true;
    this.#options.log.warn(
      { path: this.#options.path, error: (error as Error).message },
      "desired state cannot be watched: changes are noticed at the next resync only; fs.inotify limits may be too low",
    );
  }
}

/** Stands for "every name that is read from a directory of desired state". */
const anySource = "*";

function isWanted(names: ReadonlySet<string>, name: string): boolean {
  return names.has(name) || (names.has(anySource) && isSourceName(name));
}

async function directoriesOf({ path, root }: WatchDesiredStateOptions): Promise<Watched> {
  const names = new Map<string, Set<string>>();
  const files = new Set<string>();
  const real = await addLookups(names, path, root);
  if (real?.stats.isFile()) files.add(real.path);
  if (!real?.stats.isDirectory()) return { names, files: [...files] };
  add(names, real.path, anySource);
  for (const entry of await readdir(real.path, { withFileTypes: true })) {
    if (!isSourceName(entry.name)) continue;
    if (entry.isFile()) files.add(join(real.path, entry.name));
    if (!entry.isSymbolicLink()) continue;
    const target = await addLookups(names, join(path, entry.name), root);
    if (target?.stats.isFile()) files.add(target.path);
  }
  return { names, files: [...files] };
}

async function addLookups(watched: Map<string, Set<string>>, path: string, root: string) {
  const { lookups, real } = await tracePath(path, root);
  for (const { directory, name, stats } of lookups) {
    // A directory of "/" does not come and go; a missing one, or a link, may.
    if (directory !== "/" || !stats?.isDirectory()) add(watched, directory, name);
  }
  return real;
}

function add(watched: Map<string, Set<string>>, directory: string, name: string): void {
  const names = watched.get(directory);
  if (names === undefined) watched.set(directory, new Set([name]));
  else names.add(name);
}

/** Changes whenever other directories, or other names in them, have to be watched. */
async function identify(watched: Watched): Promise<string> {
  const parts = [...watched.files].sort();
  for (const [directory, names] of watched.names) {
    const { dev, ino } = await stat(directory, { bigint: true });
    parts.push(`${directory}\0${dev}:${ino}\0${[...names].sort().join("\0")}`);
  }
  return parts.join("\n");
}

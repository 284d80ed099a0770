import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** One name that was looked up in one directory while a path was resolved. Physical, symlink-free directory. */
export interface Lookup {
  readonly directory: string;
  readonly name: string;
  /** Of the entry itself (a link, not its target); undefined when it is missing. */
  readonly stats: Stats | undefined;
}

export interface PathTrace {
  /** Every lookup in order, links included. */
  readonly lookups: readonly Lookup[];
  /** The final entry, all links resolved; undefined when something on the way is missing. */
  readonly real: { readonly path: string; readonly stats: Stats } | undefined;
}

/** As many links as Linux follows. */
const maxLinks = 40;

/**
 * Resolves an absolute path by hand, so that each directory and link on the way can be watched and checked.
 * Absolute links and `..` stay below `root` ("" is the real root), as in a chroot. Rejects with a system error
 * other than ENOENT and ENOTDIR, and with ELOOP.
 */
export async function tracePath(path: string, root: string): Promise<PathTrace> {
  const top = root === "" ? "/" : root;
  const lookups: Lookup[] = [];
  const names = split(path);
  let at = { path: top, stats: await lstatIfAny(top) };
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const directory = at.path;
    if (name === "..") {
      const parent = directory === top ? top : dirname(directory);
      at = { path: parent, stats: await lstatIfAny(parent) };
      continue;
    }
    const entry = join(directory, name);
    const stats = at.stats?.isDirectory() ? await lstatIfAny(entry) : undefined;
    lookups.push({ directory, name, stats });
    if (stats === undefined) return { lookups, real: undefined };
    if (!stats.isSymbolicLink()) at = { path: entry, stats };
    else {
      if (++links > maxLinks) throw Object.assign(new Error(`too many links: ${path}`), { code: "ELOOP" });
      const target = await readlink(entry);
      names.unshift(...split(target));
      if (target.startsWith("/")) at = { path: top, stats: await lstatIfAny(top) };
    }
  }
  return { lookups, real: at.stats === undefined ? undefined : { path: at.path, stats: at.stats } };
}

function split(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

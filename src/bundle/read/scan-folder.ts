import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import type { EntryBudget } from "../../core/bundle/collect-scan.ts";
import { baseOfPart } from "../../core/bundle/group-sources.ts";
import { followSymlink } from "../../core/bundle/member-path.ts";
import type { Member, Scan } from "../../core/bundle/scan.ts";
import { findPartsInFolder } from "./find-parts.ts";
import { unreadable } from "./read-error.ts";
import type { FileReader } from "./read-files.ts";

export interface ScannedFolder {
  readonly scan: Scan;
  /** Folders in it that may not be read, such as `lost+found`. */
  readonly passedOver: readonly string[];
}

/**
 * Every file below a folder, in the order of names; one in parts is one. Links have to stay inside. Throws BundleError.
 */
export async function scanFolder(
  folder: string,
  budget: EntryBudget,
  files: FileReader,
): Promise<ScannedFolder> {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const passedOver: string[] = [];
  let denied: unknown;
  const add = async (path: string): Promise<void> => {
    const full = join(folder, path);
    budget.left -= 1;
    if (budget.left < 0) throw new BundleError("refused", `${full}: too many files for a bundle`);
    try {
      const stats = await lstat(full);
      if (stats.isDirectory()) return await addAll(path);
      if (stats.isFile()) {
        members.set(path, { path, size: stats.size, place: full, at: { path: full, offset: 0 } });
        return;
      }
      if (!stats.isSymbolicLink()) return;
      const target = await readlink(full);
      const clean = followSymlink(path, target);
      if (!clean.ok)
        throw new BundleError("refused", `${full}: the link to ${JSON.stringify(target)} ${clean.why}`);
      links.set(path, clean.path);
    } catch (error) {
      throw error instanceof BundleError ? error : unreadable(full, error);
    }
  };
  /** False: it is no part of anything, or a link, which is looked at as such. */
  const addParts = async (path: string): Promise<boolean> => {
    const parted = await findPartsInFolder(join(folder, path), files);
    if (parted === undefined) return false;
    const { base: place, parts, size } = parted;
    const stats = await Promise.all(parts.map((part) => lstat(part.path)));
    if (!stats.every((one) => one.isFile())) return false;
    budget.left -= parts.length;
    members.set(path, { path, size, place, at: { path: place, offset: 0, parts } });
    return true;
  };
  const namesIn = async (path: string): Promise<readonly string[]> => {
    const full = join(folder, path);
    const names = await readdir(full).catch((error: NodeJS.ErrnoException) => {
      if (path === "" || error.code !== "EACCES") throw error;
      passedOver.push(full);
      denied ??= error;
      return [];
    });
    return names.sort();
  };
  const addAll = async (path: string): Promise<void> => {
    const joined = new Set<string>();
    for (const name of await namesIn(path)) {
      const below = path === "" ? name : `${path}/${name}`;
      const base = baseOfPart(below);
      if (base === undefined) await add(below);
      else if (!joined.has(base) && (await addParts(below))) joined.add(base);
      else if (!joined.has(base)) await add(below);
    }
  };
  try {
    await addAll("");
  } catch (error) {
    throw error instanceof BundleError ? error : unreadable(folder, error);
  }
  const [first] = passedOver;
  if (members.size === 0 && first !== undefined) throw unreadable(first, denied);
  return { scan: { name: folder, members, links, isCut: false }, passedOver };
}

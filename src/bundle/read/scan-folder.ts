import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import type { EntryBudget } from "../../core/bundle/collect-scan.ts";
import { followSymlink } from "../../core/bundle/member-path.ts";
import type { Member, Scan } from "../../core/bundle/scan.ts";
import { unreadable } from "./read-error.ts";

export interface ScannedFolder {
  readonly scan: Scan;
  /** Folders in it that may not be read, such as `lost+found`. */
  readonly passedOver: readonly string[];
}

/** Every file below a folder, in the order of names. Links have to stay inside. Throws BundleError. */
export async function scanFolder(folder: string, budget: EntryBudget): Promise<ScannedFolder> {
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
  const addAll = async (path: string): Promise<void> => {
    const full = join(folder, path);
    const names = await readdir(full).catch((error: NodeJS.ErrnoException) => {
      if (path === "" || error.code !== "EACCES") throw error;
      passedOver.push(full);
      denied ??= error;
      return [];
    });
    names.sort();
    for (const name of names) await add(path === "" ? name : `${path}/${name}`);
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

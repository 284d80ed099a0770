import type { Exposure } from "../core/desired-state/resolve-context.ts";
import { distrustOnWay } from "./read-input-file.ts";
import { tracePath } from "./trace-path.ts";

/**
 * What others than root and `ownUid` can do with a file. By owner and mode alone: access control lists are not looked
 * at. Nothing where this process may not look: who reads the file for it has to. Never rejects.
 */
export async function exposureOf(path: string, root: string, ownUid: number): Promise<Exposure> {
  try {
    const { lookups, real } = await tracePath(path, root);
    const found = distrustOnWay(lookups, ownUid);
    const isOpen = lookups.every(({ stats }) => stats?.isDirectory() !== true || (stats.mode & 0o001) !== 0);
    const toRead = isOpen && ((real?.stats.mode ?? 0) & 0o004) !== 0;
    return { toRead, ...(found !== undefined && { toChange: found.message }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "EACCES" ? { toRead: false } : { toRead: false, toChange: message };
  }
}

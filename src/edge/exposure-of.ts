import { join } from "node:path";
import type { Exposure } from "../core/desired-state/resolve-context.ts";
import { distrustStats } from "./read-input-file.ts";
import { tracePath } from "./trace-path.ts";

/**
 * What others than root and `ownUid` can do with a file. By owner and mode alone: access control lists are not looked
 * at. Nothing where this process may not look: who reads the file for it has to. Never rejects.
 */
export async function exposureOf(path: string, root: string, ownUid: number): Promise<Exposure> {
  try {
    const { lookups, real } = await tracePath(path, root);
    const found = lookups.flatMap(({ directory, name, stats }) => {
      const distrust = stats && distrustStats(join(directory, name), stats, ownUid);
      return distrust === undefined ? [] : [distrust.message];
    });
    const isOpen = lookups.every(({ stats }) => stats?.isDirectory() !== true || (stats.mode & 0o001) !== 0);
    const toRead = isOpen && ((real?.stats.mode ?? 0) & 0o004) !== 0;
    return { toRead, ...(found[0] !== undefined && { toChange: found[0] }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "EACCES" ? { toRead: false } : { toRead: false, toChange: message };
  }
}

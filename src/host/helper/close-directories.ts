import { closeSync, fchmodSync, fchownSync, lstatSync, rmdirSync } from "node:fs";
import { openDirectory } from "../files-directories.ts";
import { toHostError } from "../files-error.ts";
import type { HostRoot } from "../files-root.ts";
import type { StateKeeper } from "./helper-state.ts";

/**
 * Directories that were opened to the agent get their owner and mode back, or go where there was none and nothing is in
 * them. Returns what was done, a line each.
 */
export async function closeDirectories(state: StateKeeper, root: HostRoot): Promise<readonly string[]> {
  const { opened } = await state.load();
  const done: string[] = [];
  for (const [path, before] of Object.entries(opened)) {
    const hostPath = root.toHost(path);
    try {
      if (lstatSync(hostPath, { throwIfNoEntry: false }) === undefined) continue;
      if (before === null && removedEmpty(hostPath)) {
        done.push(`remove ${path}, which was not there before mirrorlet`);
        continue;
      }
      const { uid, gid, mode } = before ?? { uid: 0, gid: 0, mode: 0o755 };
      const descriptor = openDirectory(hostPath);
      try {
        fchownSync(descriptor, uid, gid);
        fchmodSync(descriptor, mode);
      } finally {
        closeSync(descriptor);
      }
      done.push(`give ${path} its owner and mode back`);
    } catch (error) {
      throw toHostError(error, path, "close");
    }
  }
  if (done.length > 0) await state.update({ opened: {} });
  return done;
}

function removedEmpty(hostPath: string): boolean {
  try {
    rmdirSync(hostPath);
    return true;
  } catch {
    return false;
  }
}

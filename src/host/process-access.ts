import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { type ProcessStatus, statusOf } from "./daemon-process.ts";
import { createHostRoot } from "./files-root.ts";

const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_DAC_READ_SEARCH = 1n << 2n;

/**
 * Those of the paths that a process cannot read by owner and mode: a directory on the way that it may not pass, or
 * the file itself. What is not there, or what we cannot look at, is not among them. Security modules are not asked.
 */
export function unreadableFor(pid: number, paths: readonly string[]): readonly string[] {
  const status = statusOf(pid);
  if (status === undefined || mayReadAll(status)) return [];
  const passable = new Map<string, boolean>();
  const mayPass = (directory: string): boolean => {
    const known = passable.get(directory);
    if (known !== undefined) return known;
    const above = directory === "/" || mayPass(dirname(directory));
    const passes = above && isAllowed(pid, directory, status, 1);
    passable.set(directory, passes);
    return passes;
  };
  return paths.filter((path) => !mayPass(dirname(path)) || !isAllowed(pid, path, status, 4));
}

function mayReadAll({ capabilities, sharesUsers }: ProcessStatus): boolean {
  return sharesUsers && (capabilities & (CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH)) !== 0n;
}

/** `wanted`: 4 to read, 1 to pass. */
function isAllowed(pid: number, path: string, { uid, gids }: ProcessStatus, wanted: 1 | 4): boolean {
  const stats = statsOf(pid, path);
  if (stats === undefined) return true;
  const shift = stats.uid === uid ? 6 : gids.includes(stats.gid) ? 3 : 0;
  return ((stats.mode >> shift) & wanted) !== 0;
}

/** Where we find what the process calls `path`: links are taken inside its root. */
export function pathSeenBy(pid: number, path: string): string {
  return createHostRoot(`/proc/${pid}/root`).resolve(path);
}

function statsOf(pid: number, path: string): Stats | undefined {
  try {
    return statSync(pathSeenBy(pid, path), { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

import { type Stats, statSync } from "node:fs";
import { HostError, type ObservedFile } from "../agent/ports.ts";
import { errnoOf, toHostError } from "./files-error.ts";
import { follow, readFollowed } from "./files-follow.ts";
import type { HostRoot } from "./files-root.ts";

/** Nothing containerd or we write comes near this; what does is not read into memory. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Follows symlinks; undefined when there is nothing at the path, or only a link to nothing. */
export function readObserved(
  nodePath: string,
  root: HostRoot,
  confined: readonly string[] = [],
): ObservedFile | undefined {
  try {
    const followed = follow(nodePath, root, confined);
    const { hostPath } = followed;
    const stats = statSync(hostPath, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) throw notAFile(nodePath, stats);
    if (stats.size > MAX_FILE_BYTES) throw tooLarge(nodePath, stats);
    return observe(nodePath, root.toNode(hostPath), readFollowed(nodePath, followed), stats);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw toHostError(error, nodePath, "read");
  }
}

export function observe(path: string, realPath: string, bytes: Uint8Array, stats: Stats): ObservedFile {
  const { mode, uid, gid, mtimeMs } = stats;
  return { path, realPath, bytes, mode: mode & 0o7777, uid, gid, modifiedMs: mtimeMs };
}

export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "directory, one level too deep for containerd";
  if (stats.isSocket()) return "socket";
  return stats.isFIFO() ? "named pipe" : "device";
}

function notAFile(path: string, stats: Stats): HostError {
  const kind = stats.isDirectory() ? "directory" : kindOf(stats);
  const code = stats.isDirectory() ? "is-directory" : "not-a-file";
  return new HostError(code, path, `cannot read ${path}: it is a ${kind}, not a file; move it away`, {
    retryable: false,
  });
}

function tooLarge(path: string, stats: Stats): HostError {
  const message = `cannot read ${path}: ${stats.size} bytes is over the limit of ${MAX_FILE_BYTES}; is this the right file?`;
  return new HostError("too-large", path, message, { retryable: false });
}

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { HostError } from "../agent/ports.ts";
import { FLOCK, takeFlock } from "../shared/flock.ts";
import { makeDirectories } from "../shared/make-directories.ts";
import { toHostError } from "./files-error.ts";
import { createHostRoot } from "./files-root.ts";

export type Lock =
  | { readonly held: true; readonly release: () => void }
  /** `holder`: pid of the process that has it; undefined in the instant before it wrote that down. */
  | { readonly held: false; readonly holder: number | undefined };

/**
 * One mirrorlet per node. The lock is the kernel's and ends with this process, however it ends; the file itself
 * means nothing and stays. Throws HostError when the file cannot be opened or flock(1) is missing.
 */
export function acquireLock(path: string, root = "/"): Lock {
  const hostPath = join(createHostRoot(root).resolve(dirname(path)), basename(path));
  const descriptor = open(hostPath, path);
  if (!flock(descriptor, path)) {
    closeSync(descriptor);
    return { held: false, holder: readHolder(hostPath) };
  }
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, `${process.pid}\n`, 0);
  return { held: true, release: () => release(descriptor) };
}

function open(hostPath: string, path: string): number {
  try {
    makeDirectories(dirname(hostPath), 0o755);
    // Neither truncates what the holder wrote nor fails when the file is new. Close-on-exec: no child that outlives us
    // keeps the lock. O_NOFOLLOW: who owns the directory must not have root empty another file.
    const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
    const descriptor = openSync(hostPath, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644);
    const stats = fstatSync(descriptor);
    if (stats.isFile() && stats.nlink <= 1) return descriptor;
    closeSync(descriptor);
    throw new HostError("not-a-file", path, `cannot lock ${path}: it is no file of its own; remove it`, {
      retryable: false,
    });
  } catch (error) {
    throw toHostError(error, path, "lock");
  }
}

function flock(descriptor: number, path: string): boolean {
  const lock = takeFlock(descriptor);
  if (lock.is !== "broken") return lock.is === "held";
  closeSync(descriptor);
  const message = `cannot lock ${path}: ${FLOCK} (package util-linux) does not work: ${lock.words}`;
  throw new HostError("no-lock", path, message, { retryable: false });
}

function release(descriptor: number): void {
  ftruncateSync(descriptor, 0);
  closeSync(descriptor);
}

function readHolder(hostPath: string): number | undefined {
  const pid = Number.parseInt(readFileSync(hostPath, "utf8"), 10);
  return Number.isNaN(pid) ? undefined : pid;
}

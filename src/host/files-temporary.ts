import { randomBytes } from "node:crypto";
import { closeSync, fchmod, fsync, open, rename, unlinkSync, write } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "./files-error.ts";

const MARK = ".mirrorlet-tmp-";
const PATTERN = /^\..+\.mirrorlet-tmp-[0-9a-f]{12}$/;

/** True for names only this program gives, so that strays can be swept and everything else left alone. */
export function isTemporaryName(name: string): boolean {
  return PATTERN.test(name);
}

export function randomSuffix(): string {
  return randomBytes(6).toString("hex");
}

/** Where to write something before it is renamed to `target`. */
export function temporaryPath(target: string, suffix: () => string): string {
  return join(dirname(target), `.${basename(target)}${MARK}${suffix()}`);
}

/**
 * Writes `bytes` beside `target`, durable, not yet visible, and returns where. `prepare` may copy attributes onto the
 * still empty file. Nothing is left behind when it fails.
 */
export function writeTemporary(
  target: string,
  bytes: Uint8Array,
  mode: number,
  suffix: () => string,
  prepare?: Prepare,
): Promise<string> {
  return writeNew(() => temporaryPath(target, suffix), bytes, mode, prepare);
}

type Prepare = (path: string, descriptor: number) => Promise<void>;

/** Writes a file that does not exist yet, durable but for its directory entry, and returns its path. */
export async function writeNew(
  choosePath: () => string,
  bytes: Uint8Array,
  mode: number,
  prepare?: Prepare,
): Promise<string> {
  try {
    return await writeOnce(choosePath(), bytes, mode, prepare);
  } catch (error) {
    // A failed fsync may have dropped the dirty pages: asking the same descriptor again would report success
    // for bytes that are lost. A whole new file is the only honest second try.
    if (!(error instanceof FsyncFailed)) throw error;
    return writeOnce(choosePath(), bytes, mode, prepare);
  }
}

async function writeOnce(path: string, bytes: Uint8Array, mode: number, prepare?: Prepare): Promise<string> {
  // 0600 until the mode is set, whatever the umask; O_EXCL never follows a planted link.
  const descriptor = await openAsync(path, "wx", 0o600);
  try {
    try {
      await fchmodAsync(descriptor, mode);
      await prepare?.(path, descriptor);
      await writeAll(descriptor, bytes);
      await fsyncDescriptor(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return path;
  } catch (error) {
    discard(path);
    throw error;
  }
}

/** Removes a temporary file; a failure leaves a stray for the sweep at the next start. */
export function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The error that led here is the one worth reporting.
  }
}

/** Makes the entries of a directory durable. */
export async function fsyncDirectory(path: string): Promise<void> {
  const descriptor = await openAsync(path, "r");
  try {
    await fsyncAsync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

class FsyncFailed extends Error {
  readonly code: string;
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.code = errnoOf(cause);
  }
}

// What may wait for the disk, its allocation maps or its journal (which even fchmod does, as long as the inode's block is
// being committed) runs in the thread pool, overlapping and off the event loop; what only touches memory is synchronous,
// because a round trip costs more than the call.
const fsyncAsync = promisify(fsync);
const openAsync = promisify(open);
const writeAsync = promisify(write);
export const fchmodAsync = promisify(fchmod);
export const renameAsync = promisify(rename);

async function fsyncDescriptor(descriptor: number): Promise<void> {
  try {
    await fsyncAsync(descriptor);
  } catch (error) {
    throw errnoOf(error) === "EIO" ? new FsyncFailed(error) : error;
  }
}

// write(2) may take only a part, notably on a nearly full disk; the rest must then be asked for again.
async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeAsync(descriptor, bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}

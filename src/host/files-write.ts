import { fchmodSync, fchownSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type FileToWrite, HostError } from "../agent/ports.ts";
import type { TurnClock } from "../agent/take-turns.ts";
import {
  createDirectories,
  type Directories,
  inDirectoryOf,
  type OpenDirectory,
} from "./files-directories.ts";
import { isNodeWide, toHostError } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";
import { forEachOverlapped, syncDirectories, throwFirst } from "./files-sync.ts";
import { discard, renameAsync, writeTemporary } from "./files-temporary.ts";

export interface WriteOptions {
  readonly root: HostRoot;
  readonly confined: readonly string[];
  readonly suffix: () => string;
  readonly clock: TurnClock;
}

/**
 * Many files at once. Three phases, each over all files: write and fsync under temporary names, rename, fsync
 * the directories. The fsyncs of a phase overlap, and the last phase finds most of its work done by the first
 * commit of the file system's journal; that is where the time goes otherwise.
 */
export async function writeFiles(files: readonly FileToWrite[], options: WriteOptions): Promise<void> {
  const { root, confined } = options;
  const failures: HostError[] = [];
  const prepared: Prepared[] = [];
  const directories = createDirectories(root, confined);
  // Asked again for the renames: the directory may have been swapped for another since.
  const later = createDirectories(root, confined);
  const prepare = async (file: FileToWrite): Promise<void> => {
    try {
      const directory = directories.create(dirname(file.path));
      const write = (place: string) =>
        writeTemporary(place, file.bytes, file.mode, options.suffix, ownerSetter(file));
      const temporary = basename(await inDirectoryOf(directory, file.path, write));
      prepared.push({ file, temporary, identity: directory.identity });
    } catch (error) {
      failures.push(toHostError(error, file.path, "write"));
    }
  };
  const hopeless = (): boolean => failures.some(isNodeWide);
  try {
    await forEachOverlapped(files, prepare, hopeless);
    const giveUp = hopeless();
    for (const item of prepared) await finish(item, later, giveUp ? [] : failures, giveUp);
    const changed = new Set([...directories.grown, ...prepared.map(({ file }) => dirname(file.path))]);
    await syncDirectories(changed, later, failures);
  } finally {
    directories.close();
    later.close();
  }
  throwFirst(failures);
}

interface Prepared {
  readonly file: FileToWrite;
  /** Its name beside the file. */
  readonly temporary: string;
  /** Of the directory it was written in. */
  readonly identity: string;
}

function ownerSetter({ owner, mode }: FileToWrite) {
  if (owner === undefined) return undefined;
  return async (_: string, descriptor: number): Promise<void> => {
    fchownSync(descriptor, owner.uid, owner.gid);
    // Last: changing the owner clears set-id bits.
    fchmodSync(descriptor, mode);
  };
}

/** Renames into place, or gives up with nothing left behind. */
async function finish(
  { file, temporary, identity }: Prepared,
  directories: Directories,
  failures: HostError[],
  giveUp: boolean,
): Promise<void> {
  let directory: OpenDirectory | undefined;
  let isInPlace = false;
  try {
    directory = directories.open(dirname(file.path));
    if (giveUp) return;
    if (directory.identity !== identity) throw swapped(file.path);
    await renameAsync(join(directory.path, temporary), join(directory.path, basename(file.path)));
    isInPlace = true;
  } catch (error) {
    failures.push(toHostError(error, file.path, "write"));
  } finally {
    if (directory !== undefined && !isInPlace) discard(join(directory.path, temporary));
    directory?.close();
  }
}

function swapped(path: string): HostError {
  const message = `cannot write ${path}: its directory was replaced by another while the file was being written`;
  return new HostError("changed", path, message, { retryable: true });
}

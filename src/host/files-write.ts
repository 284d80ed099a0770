import { fchmodSync, fchownSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { type FileToWrite, HostError } from "../agent/ports.ts";
import { createDirectories, type Directories } from "./files-directories.ts";
import { isNodeWide, toHostError } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";
import { forEachOverlapped, syncDirectories, throwFirst } from "./files-sync.ts";
import { discard, type TemporaryFile, writeTemporary } from "./files-temporary.ts";

export interface WriteOptions {
  readonly root: HostRoot;
  readonly confined: readonly string[];
  readonly suffix: () => string;
}

/**
 * Many files at once. Three phases, each over all files: write and fsync under temporary names, rename, fsync
 * the directories. The fsyncs of a phase overlap, and the last phase finds most of its work done by the first
 * commit of the file system's journal; that is where the time goes otherwise.
 */
export async function writeFiles(files: readonly FileToWrite[], options: WriteOptions): Promise<void> {
  const { root, confined } = options;
  const directories = createDirectories(root, confined);
  const failures: HostError[] = [];
  const prepared: Prepared[] = [];
  const prepare = async (file: FileToWrite): Promise<void> => {
    try {
      directories.create(file.path);
      const target = directories.place(file.path);
      const own = ownerSetter(file);
      const temporary = await writeTemporary(target, file.bytes, file.mode, options.suffix, own);
      prepared.push({ file, temporary });
    } catch (error) {
      failures.push(toHostError(error, file.path, "write"));
    }
  };
  const hopeless = (): boolean => failures.some(isNodeWide);
  await forEachOverlapped(files, prepare, hopeless);
  if (hopeless()) for (const { temporary } of prepared) discard(temporary.path);
  else renameAll(prepared, createDirectories(root, confined), failures);
  const changed = new Set([
    ...directories.grown,
    ...prepared.map(({ temporary }) => dirname(temporary.target)),
  ]);
  await syncDirectories(changed, root, failures);
  throwFirst(failures);
}

interface Prepared {
  readonly file: FileToWrite;
  readonly temporary: TemporaryFile;
}

function ownerSetter({ owner, mode }: FileToWrite) {
  if (owner === undefined) return undefined;
  return async (_: string, descriptor: number): Promise<void> => {
    fchownSync(descriptor, owner.uid, owner.gid);
    // Last: changing the owner clears set-id bits.
    fchmodSync(descriptor, mode);
  };
}

function renameAll(prepared: readonly Prepared[], directories: Directories, failures: HostError[]): void {
  for (const { file, temporary } of prepared) {
    try {
      // Asked again: the directory may have been swapped for a link since.
      if (directories.place(file.path) !== temporary.target) throw swapped(file.path);
      renameSync(temporary.path, temporary.target);
    } catch (error) {
      discard(temporary.path);
      failures.push(toHostError(error, file.path, "write"));
    }
  }
}

function swapped(path: string): HostError {
  const message = `cannot write ${path}: its directory was replaced by another while the file was being written`;
  return new HostError("changed", path, message, { retryable: true });
}

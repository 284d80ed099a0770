import { closeSync, lstatSync, renameSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostError, type NewDirectory } from "../agent/ports.ts";
import { takeTurns } from "../agent/take-turns.ts";
import {
  createDirectories,
  type Directories,
  inDirectoryOf,
  openDirectory,
  pathOfDescriptor,
} from "./files-directories.ts";
import { errnoOf, isNodeWide, toHostError } from "./files-error.ts";
import { tryEmpty } from "./files-remove.ts";
import { forEachOverlapped, syncDirectories, throwFirst } from "./files-sync.ts";
import { fchmodAsync, fsyncDirectory, temporaryPath, writeNew } from "./files-temporary.ts";
import type { WriteOptions } from "./files-write.ts";

/**
 * Directories that appear complete: filled under a temporary name, made durable file by file and then entry by
 * entry, renamed, and their parents made durable. A crash leaves a whole directory or a stray, never a part.
 */
export async function createWholeDirectories(
  wanted: readonly NewDirectory[],
  options: WriteOptions,
): Promise<void> {
  const { root, confined } = options;
  const failures: HostError[] = [];
  const prepared: Prepared[] = [];
  const directories = createDirectories(root, confined);
  const prepare = async (directory: NewDirectory): Promise<void> => {
    try {
      const parent = directories.create(dirname(directory.path));
      const write = (place: string) => fill(directory, place, options);
      const temporary = basename(await inDirectoryOf(parent, directory.path, write));
      prepared.push({ path: directory.path, temporary });
    } catch (error) {
      failures.push(toHostError(error, directory.path, "create"));
    }
  };
  const hopeless = (): boolean => failures.some(isNodeWide);
  try {
    await forEachOverlapped(wanted, prepare, hopeless);
    const giveUp = hopeless();
    const turn = takeTurns(options.clock);
    for (const item of prepared) {
      await turn();
      await finish(item, directories, giveUp ? [] : failures, giveUp);
    }
    const changed = new Set([...directories.grown, ...prepared.map(({ path }) => dirname(path))]);
    await syncDirectories(changed, directories, failures);
  } finally {
    directories.close();
  }
  throwFirst(failures);
}

interface Prepared {
  readonly path: string;
  /** Its name beside the directory to be. */
  readonly temporary: string;
}

async function fill(directory: NewDirectory, target: string, options: WriteOptions): Promise<string> {
  const temporary = temporaryPath(target, options.suffix);
  await mkdir(temporary, 0o755);
  try {
    const descriptor = openDirectory(temporary);
    try {
      await fillOpen(directory, descriptor);
    } finally {
      closeSync(descriptor);
    }
    return temporary;
  } catch (error) {
    await tryEmpty(temporary);
    throw error;
  }
}

async function fillOpen(directory: NewDirectory, descriptor: number): Promise<void> {
  // mkdir's mode passes through the umask. Changed only now, so that the fsync of the files commits this, too.
  await fchmodAsync(descriptor, 0o755);
  const inside = pathOfDescriptor(descriptor);
  for (const file of directory.files) {
    if (dirname(file.path) !== directory.path)
      throw new TypeError(`${file.path} is not in ${directory.path}`);
    await writeNew(() => join(inside, basename(file.path)), file.bytes, file.mode);
  }
  await fsyncDirectory(inside);
}

/** Renames into place, or gives up with nothing left behind. */
async function finish(
  { path, temporary }: Prepared,
  directories: Directories,
  failures: HostError[],
  giveUp: boolean,
): Promise<void> {
  try {
    await inDirectoryOf(directories.open(dirname(path)), path, async (target) => {
      const source = join(dirname(target), temporary);
      try {
        if (giveUp) throw exists(path);
        // rename(2) replaces an empty directory without a word. No await between the look and the rename.
        refuseExisting(target, path);
        renameSync(source, target);
      } catch (error) {
        await tryEmpty(source);
        throw error;
      }
    });
  } catch (error) {
    const taken = ["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(errnoOf(error));
    failures.push(taken ? exists(path) : toHostError(error, path, "create"));
  }
}

function refuseExisting(target: string, path: string): void {
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) throw exists(path);
}

function exists(path: string): HostError {
  const message = `not creating ${path}: somebody made it in the meantime; theirs stands, and the next pass starts from it`;
  return new HostError("changed", path, message, { retryable: true });
}

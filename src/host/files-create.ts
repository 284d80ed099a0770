import { chmodSync, lstatSync, renameSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostError, type NewDirectory } from "../agent/ports.ts";
import { createDirectories } from "./files-directories.ts";
import { errnoOf, isNodeWide, toHostError } from "./files-error.ts";
import { tryEmpty } from "./files-remove.ts";
import { forEachOverlapped, syncDirectories, throwFirst } from "./files-sync.ts";
import { fsyncDirectory, temporaryPath, writeNew } from "./files-temporary.ts";
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
  const directories = createDirectories(root, confined);
  const failures: HostError[] = [];
  const prepared: Prepared[] = [];
  const prepare = async (directory: NewDirectory): Promise<void> => {
    try {
      directories.create(directory.path);
      const target = directories.place(directory.path);
      prepared.push({ path: directory.path, target, temporary: await fill(directory, target, options) });
    } catch (error) {
      failures.push(toHostError(error, directory.path, "create"));
    }
  };
  const hopeless = (): boolean => failures.some(isNodeWide);
  await forEachOverlapped(wanted, prepare, hopeless);
  if (hopeless()) for (const { temporary } of prepared) await tryEmpty(temporary);
  else for (const item of prepared) await rename(item, failures);
  const changed = new Set([...directories.grown, ...prepared.map(({ target }) => dirname(target))]);
  await syncDirectories(changed, root, failures);
  throwFirst(failures);
}

interface Prepared {
  readonly path: string;
  readonly target: string;
  readonly temporary: string;
}

async function fill(directory: NewDirectory, target: string, options: WriteOptions): Promise<string> {
  const temporary = temporaryPath(target, options.suffix);
  await mkdir(temporary, 0o755);
  try {
    // mkdir's mode passes through the umask. Changed only now, so that the fsync of the files commits this, too.
    chmodSync(temporary, 0o755);
    for (const file of directory.files) {
      if (dirname(file.path) !== directory.path)
        throw new TypeError(`${file.path} is not in ${directory.path}`);
      await writeNew(() => join(temporary, basename(file.path)), file.bytes, file.mode);
    }
    await fsyncDirectory(temporary);
    return temporary;
  } catch (error) {
    await tryEmpty(temporary);
    throw error;
  }
}

async function rename({ path, target, temporary }: Prepared, failures: HostError[]): Promise<void> {
  try {
    // rename(2) replaces an empty directory without a word. No await between the look and the rename.
    refuseExisting(target, path);
    renameSync(temporary, target);
  } catch (error) {
    await tryEmpty(temporary);
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

import { closeSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostError } from "../agent/ports.ts";
import { takeTurns } from "../agent/take-turns.ts";
import {
  createDirectories,
  type Directories,
  inDirectoryOf,
  openDirectory,
  pathOfDescriptor,
} from "./files-directories.ts";
import { errnoOf, toHostError } from "./files-error.ts";
import type { HostRoot } from "./files-root.ts";
import { forEachOverlapped, syncDirectories, throwFirst } from "./files-sync.ts";
import { isTemporaryName, temporaryPath } from "./files-temporary.ts";
import type { WriteOptions } from "./files-write.ts";

/** Removes files; absent ones are fine. One fsync per directory. */
export async function removeFiles(paths: readonly string[], options: WriteOptions): Promise<void> {
  await removeEach(paths, options, (place) => unlink(place));
}

/** Takes directories away whole: aside under a temporary name, durable, and only then emptied. */
export async function removeDirectories(paths: readonly string[], options: WriteOptions): Promise<void> {
  const aside: string[] = [];
  try {
    await removeEach(paths, options, (place, path) => {
      refuseNested(place, path);
      const temporary = temporaryPath(place, options.suffix);
      renameSync(place, temporary);
      aside.push(join(dirname(path), basename(temporary)));
    });
  } finally {
    // What cannot be emptied now is swept at the next start; containerd no longer sees it.
    const directories = createDirectories(options.root, options.confined);
    const empty = (path: string) => tryEmptyAt(path, directories);
    await forEachOverlapped(aside, empty, () => false).finally(() => directories.close());
  }
}

async function tryEmptyAt(path: string, directories: Directories): Promise<void> {
  try {
    await inDirectoryOf(directories.open(dirname(path)), path, tryEmpty);
  } catch {
    // The next sweep finds it, or says why not.
  }
}

/** The system decides whether it is empty, in the same moment. */
export async function removeEmptyDirectory(path: string, options: WriteOptions): Promise<void> {
  await removeEach([path], options, (place) => ignoring(OCCUPIED, () => rmdirSync(place)));
}

const OCCUPIED: readonly string[] = ["ENOTEMPTY", "EEXIST", "EBUSY"];

/** Removes strays of ours in `nodePath` and its sub-directories. Links are not followed. */
export async function sweepTemporaries(nodePath: string, root: HostRoot): Promise<void> {
  try {
    await sweep(root.resolve(nodePath), 1);
  } catch (error) {
    throw toHostError(error, nodePath, "sweep");
  }
}

async function sweep(path: string, depth: number): Promise<void> {
  await inOpenDirectory(path, async (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const place = join(directory, entry.name);
      if (entry.isDirectory() && isTemporaryName(entry.name)) await tryEmpty(place);
      else if (entry.isDirectory() && depth > 0) await sweep(place, depth - 1);
      else if (entry.isFile() && isTemporaryName(entry.name)) ignoring(["ENOENT"], () => unlinkSync(place));
    }
  });
}

async function removeEach(
  paths: readonly string[],
  { root, confined, clock }: WriteOptions,
  removeOne: (place: string, path: string) => void | Promise<void>,
): Promise<void> {
  const directories = createDirectories(root, confined);
  const failures: HostError[] = [];
  const changed = new Set<string>();
  const turn = takeTurns(clock);
  try {
    for (const path of paths) {
      await turn();
      try {
        const directory = directories.open(dirname(path));
        await inDirectoryOf(directory, path, (place) => removeOne(place, path));
        changed.add(dirname(path));
      } catch (error) {
        if (!ABSENT.includes(errnoOf(error))) failures.push(toHostError(error, path, "remove"));
      }
    }
    await syncDirectories(changed, directories, failures);
  } finally {
    directories.close();
  }
  throwFirst(failures);
}

const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR"];

function refuseNested(place: string, path: string): void {
  if (!lstatSync(place).isDirectory()) {
    const message = `not removing ${path}: it is not a directory but a link or a file, which is not ours; look what put it there`;
    throw new HostError("not-a-directory", path, message, { retryable: false });
  }
  const nested = readdirSync(place, { withFileTypes: true }).find((entry) => entry.isDirectory());
  if (nested === undefined) return;
  const message = `not removing ${path}: the directory ${nested.name} in it is not ours; move it away`;
  throw new HostError("not-empty", path, message, { retryable: false });
}

/** Removes a directory of ours with its files, and not what a link in its place leads to; what resists stays for the next sweep. */
export async function tryEmpty(path: string): Promise<void> {
  try {
    await inOpenDirectory(path, async (directory) => {
      for (const name of readdirSync(directory)) await unlink(join(directory, name));
    });
    await rmdir(path);
  } catch {
    // Out of containerd's sight already.
  }
}

async function inOpenDirectory(path: string, work: (directory: string) => Promise<void>): Promise<void> {
  const descriptor = ignoring(ABSENT, () => openDirectory(path));
  if (descriptor === undefined) return;
  try {
    await work(pathOfDescriptor(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function ignoring<T>(codes: readonly string[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (codes.includes(errnoOf(error))) return undefined;
    throw error;
  }
}

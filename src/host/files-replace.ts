import { execFile } from "node:child_process";
import { accessSync, constants, fchmodSync, fchownSync, fstatSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { HostError } from "../agent/ports.ts";
import { createDirectories } from "./files-directories.ts";
import { toHostError } from "./files-error.ts";
import { readObserved } from "./files-read.ts";
import type { HostRoot } from "./files-root.ts";
import { discard, fsyncDirectory, writeTemporary } from "./files-temporary.ts";
import type { WriteOptions } from "./files-write.ts";
import { putInPlace } from "./put-in-place.ts";

export interface Replacement {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** What must be there for the replacement to take place; undefined: no file. */
  readonly expected: Uint8Array | undefined;
  /** Undefined: as it is. */
  readonly mode: number | undefined;
}

/**
 * Replaces a file that others own too, where its bytes really are: behind a symlink beside the link's target.
 * A file that does not exist yet is created 0600, because it may come to hold credentials.
 */
export async function replaceFile(
  { path, bytes, expected, mode: given }: Replacement,
  options: WriteOptions,
): Promise<void> {
  try {
    refuseChanged(path, expected, options.root);
    const target = options.root.resolve(path);
    const directories = createDirectories(options.root, []);
    directories.create(dirname(options.root.toNode(target)));
    const old = statSync(target, { throwIfNoEntry: false });
    const mode = given ?? (old === undefined ? 0o600 : old.mode & 0o7777);
    const keep = (temporary: string, descriptor: number): Promise<void> =>
      old === undefined ? Promise.resolve() : copyAttributes(target, { ...old, mode }, temporary, descriptor);
    const look = (): void => {
      refuseChanged(path, expected, options.root);
      if (options.root.resolve(path) !== target) throw changed(path);
    };
    const temporary = await writeTemporary(target, bytes, mode, options.suffix, (temporary, descriptor) =>
      // cp does not copy from a file that is replaced meanwhile.
      keep(temporary, descriptor).catch((error: unknown) => {
        look();
        throw error;
      }),
    );
    const before = old === undefined || expected === undefined ? undefined : { bytes: expected, stats: old };
    try {
      if (!(await putInPlace({ temporary, target, bytes, expected: before, look }))) throw changed(path);
    } catch (error) {
      discard(temporary);
      throw error;
    }
    for (const directory of directories.grown) await fsyncDirectory(options.root.resolve(directory));
  } catch (error) {
    throw toHostError(error, path, "replace");
  }
}

function refuseChanged(path: string, expected: Uint8Array | undefined, root: HostRoot): void {
  const found = readObserved(path, root)?.bytes;
  const same =
    found === undefined || expected === undefined
      ? found === expected
      : Buffer.compare(found, expected) === 0;
  if (!same) throw changed(path);
}

function changed(path: string): HostError {
  const message = `not replacing ${path}: somebody changed it while the new content was being prepared; their change stands, and the next pass starts from it`;
  return new HostError("changed", path, message, { retryable: true });
}

// Node cannot copy extended attributes, and without its SELinux label containerd may not read the file.
// cp keeps the inode of an existing destination, so the descriptor stays the one that is written and fsynced.
async function copyAttributes(
  source: string,
  old: Pick<Stats, "mode" | "uid" | "gid">,
  temporary: string,
  descriptor: number,
): Promise<void> {
  const cp = findCp();
  if (cp !== undefined) {
    const args = ["--attributes-only", "--preserve=all", "--no-target-directory", "--", source, temporary];
    await promisify(execFile)(cp, args, { env: { LC_ALL: "C" }, timeout: 10_000 });
    if (statSync(temporary).ino !== fstatSync(descriptor).ino)
      throw new Error("cp replaced the temporary file");
  }
  const fresh = fstatSync(descriptor);
  if (fresh.uid !== old.uid || fresh.gid !== old.gid) fchownSync(descriptor, old.uid, old.gid);
  // Last: changing the owner clears set-id bits.
  fchmodSync(descriptor, old.mode & 0o7777);
}

function findCp(): string | undefined {
  return ["/usr/bin/cp", "/bin/cp"].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

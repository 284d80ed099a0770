import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

export interface BareFile {
  /** Relative; with one directory. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** For each file: its directory, write, fsync, rename, fsync of the directory; the new directories' parent at last. */
export function writeBare(root: string, files: readonly BareFile[]): void {
  mkdirSync(root);
  for (const { path, bytes, mode } of files) {
    const directory = join(root, dirname(path));
    mkdirSync(directory, { recursive: true });
    const temporary = join(root, `${path}.tmp`);
    const fd = openSync(temporary, "wx", mode);
    writeSync(fd, bytes);
    fsyncSync(fd);
    closeSync(fd);
    renameSync(temporary, join(root, path));
    fsyncDirectory(directory);
  }
  fsyncDirectory(root);
}

function fsyncDirectory(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

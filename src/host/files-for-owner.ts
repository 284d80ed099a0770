import { closeSync, constants, fchownSync, fstatSync, openSync, readdirSync } from "node:fs";
import type { Files } from "../agent/ports.ts";
import type { HostRoot } from "./files-root.ts";

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What root makes below these directories is to be the user's whose they are; everywhere else it stays root's. */
export function filesForOwner(
  files: Files,
  directories: readonly string[],
  owner: Owner,
  root: HostRoot,
): Files {
  const isTheirs = (path: string): boolean =>
    directories.some((directory) => path.startsWith(`${directory}/`));
  return {
    ...files,
    write: (wanted) =>
      files.write(
        wanted.map((file) => (isTheirs(file.path) && file.owner === undefined ? { ...file, owner } : file)),
      ),
    async createDirectories(wanted) {
      await files.createDirectories(wanted);
      for (const { path } of wanted) if (isTheirs(path)) giveAway(root.toHost(path), owner);
    },
  };
}

/** A directory that root has just made, and the files in it; nothing that is somebody else's, and no link. */
function giveAway(directory: string, owner: Owner): void {
  const names = readdirSync(directory);
  for (const path of [...names.map((name) => `${directory}/${name}`), directory]) {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      if (stats.uid === 0 && (stats.isDirectory() || stats.nlink === 1))
        fchownSync(descriptor, owner.uid, owner.gid);
    } finally {
      closeSync(descriptor);
    }
  }
}

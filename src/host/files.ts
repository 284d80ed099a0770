import type { Files } from "../agent/ports.ts";
import type { TurnClock } from "../agent/take-turns.ts";
import { createTurnClock } from "./clock.ts";
import { createWholeDirectories } from "./files-create.ts";
import { readObserved } from "./files-read.ts";
import { removeDirectories, removeEmptyDirectory, removeFiles, sweepTemporaries } from "./files-remove.ts";
import { replaceFile } from "./files-replace.ts";
import { createHostRoot } from "./files-root.ts";
import { randomSuffix } from "./files-temporary.ts";
import { createTreeReader } from "./files-tree.ts";
import { writeFiles } from "./files-write.ts";

export interface FilesOptions {
  /** `--root DIR`: put before every path. `/` when omitted. */
  readonly root?: string;
  /** Directories that another user may write in, certs.d and the state directory: nothing in them leads us out of them. */
  readonly confined?: readonly string[];
  /** Twelve hex digits that make a temporary name unique; tests fix them to aim fault injection at one path. */
  readonly temporarySuffix?: () => string;
  /** Whose turns long work takes; without it they are counted apart from those of others. */
  readonly clock?: TurnClock;
}

/** The node's files. Paths are the node's own; `root` is put before them here and nowhere else. */
export function createFiles(options: FilesOptions = {}): Files {
  const root = createHostRoot(options.root ?? "/");
  const confined = options.confined ?? ["/etc/containerd/certs.d"];
  const suffix = options.temporarySuffix ?? randomSuffix;
  const clock = options.clock ?? createTurnClock();
  const writing = { root, confined, suffix, clock };
  const readTree = createTreeReader({ root, confined, clock });
  return {
    read: async (path) => readObserved(path, root, confined),
    readTree,
    write: (files) => writeFiles(files, writing),
    replace: (path, bytes, expected, mode) => replaceFile({ path, bytes, expected, mode }, writing),
    remove: (paths) => removeFiles(paths, writing),
    createDirectories: (directories) => createWholeDirectories(directories, writing),
    removeDirectories: (paths) => removeDirectories(paths, writing),
    removeEmptyDirectory: (path) => removeEmptyDirectory(path, writing),
    sweep: (path) => sweepTemporaries(path, root),
  };
}

import { readdirSync, statSync } from "node:fs";
import type { ChangedFile, DaemonInspector } from "../agent/doctor/daemon-inspector.ts";
import { describeProcess } from "./daemon-process.ts";
import { readUnit } from "./daemon-unit.ts";
import { createFiles } from "./files.ts";
import { findListener, isListenedOn } from "./find-listener.ts";
import { pathSeenBy, unreadableFor } from "./process-access.ts";

/** The processes and units of the machine this runs on. */
export function createDaemonInspector(): DaemonInspector {
  return {
    isListenedOn,
    find(socket) {
      const listener = findListener(socket);
      return typeof listener === "string" ? listener : describeProcess(listener.pid, socket);
    },
    filesSeenBy: (pid) => createFiles({ root: `/proc/${pid}/root` }),
    unreadableFor,
    changedMs,
    newestBelow,
    unit: readUnit,
  };
}

const MAX_FILES = 1000;

function newestBelow(directories: readonly string[], seenBy: number): ChangedFile | undefined {
  const paths = directories.flatMap((directory) => filesIn(directory, seenBy)).slice(0, MAX_FILES);
  const files = paths.flatMap((path) => {
    const ms = changedMs(path, seenBy);
    return ms === undefined ? [] : [{ path, changedMs: ms }];
  });
  return files.reduce<ChangedFile | undefined>(
    (newest, file) => (newest === undefined || file.changedMs > newest.changedMs ? file : newest),
    undefined,
  );
}

function filesIn(directory: string, seenBy: number): readonly string[] {
  try {
    const entries = readdirSync(pathSeenBy(seenBy, directory), { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

/** The later of content and inode: a copy may keep the time of its content. */
function changedMs(path: string, seenBy: number): number | undefined {
  try {
    const { mtimeMs, ctimeMs } = statSync(pathSeenBy(seenBy, path));
    return Math.max(mtimeMs, ctimeMs);
  } catch {
    return undefined;
  }
}

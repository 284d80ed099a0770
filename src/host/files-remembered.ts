import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import type { Files } from "../agent/ports.ts";
import type { HostRoot } from "./files-root.ts";
import { noteChange } from "./helper/note-change.ts";

interface Notes extends Readonly<Parameters<typeof noteChange>[1]> {
  readonly certsD: string;
  readonly root: HostRoot;
}

/**
 * The same files; what root changes in config.toml by itself, and that it makes certs.d, is noted where the root helper
 * notes what it does, so that the agent may become another user's at any time, and `restore` still knows what it may put
 * back.
 */
export function filesRemembered(files: Files, { certsD, root, ...notes }: Notes): Files {
  const { configPath: path, state } = notes;
  const note = async (bytes: Uint8Array | undefined): Promise<void> =>
    noteChange({ path, current: await files.read(path), bytes }, notes);
  const noteCertsD = async (): Promise<void> => {
    if (lstatSync(root.toHost(certsD), { throwIfNoEntry: false }) !== undefined) return;
    const { opened } = await state.load();
    if (!Object.hasOwn(opened, certsD)) await state.update({ opened: { ...opened, [certsD]: null } });
  };
  return {
    ...files,
    async createDirectories(directories) {
      if (directories.some((directory) => dirname(directory.path) === certsD)) await noteCertsD();
      await files.createDirectories(directories);
    },
    async replace(replaced, bytes, expected, mode) {
      if (replaced === path) await note(bytes);
      await files.replace(replaced, bytes, expected, mode);
    },
    async remove(paths) {
      if (paths.includes(path)) await note(undefined);
      await files.remove(paths);
    },
  };
}

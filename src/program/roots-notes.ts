import { lstatSync } from "node:fs";
import type { RootsMemory } from "../agent/distrust-state.ts";
import type { Files } from "../agent/ports.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { findDistrust } from "../edge/read-input-file.ts";
import { createClock } from "../host/clock.ts";
import { createFiles } from "../host/files.ts";
import { filesRemembered } from "../host/files-remembered.ts";
import { createHostRoot } from "../host/files-root.ts";
import { closeDirectories } from "../host/helper/close-directories.ts";
import { createStateKeeper, type StateKeeper } from "../host/helper/helper-state.ts";
import { sha256 } from "../host/sha256.ts";

/** What the root helper has noted of this node, for root itself. Each verb throws where others could have written it. */
export interface RootsNotes {
  read(): Promise<RootsMemory>;
  /** Notes what is changed in config.toml, too. */
  remember(files: Files): Files;
  closeDirectories(): Promise<readonly string[]>;
  /** `restore` has put all back: what comes next begins anew. */
  forget(): Promise<void>;
}

/** Undefined: this is not root, or the node has no place for them, and no agent but root ever. */
export function rootsNotes(
  { helperState, containerd }: Pick<AgentConfig, "helperState" | "containerd">,
  root: string,
): RootsNotes | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const hostRoot = createHostRoot(root === "" ? "/" : root);
  const stats = lstatSync(hostRoot.resolve(helperState), { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return undefined;
  const files = createFiles(root === "" ? {} : { root });
  const keeper = createStateKeeper(helperState, { files, clock: createClock(), sha256 });
  const trusted = async (): Promise<StateKeeper> => {
    const distrust = await findDistrust(helperState, root, 0);
    if (distrust !== undefined) throw new Error(distrust);
    return keeper;
  };
  return {
    async read() {
      const { changes, first, receivers } = await (await trusted()).load();
      const replaced = Object.entries(changes).map(([path, chain]) => {
        return [path, chain.flatMap(({ before }) => (before === null ? [] : [before]))] as const;
      });
      return { replaced: Object.fromEntries(replaced), first, receivers };
    },
    remember(files) {
      const state: StateKeeper = {
        load: async () => (await trusted()).load(),
        update: async (change) => (await trusted()).update(change),
      };
      const { config: configPath, certsD } = containerd;
      return filesRemembered(files, { configPath, certsD, root: hostRoot, state, sha256 });
    },
    closeDirectories: async () => closeDirectories(await trusted(), hostRoot),
    forget: async () => (await trusted()).update({ changes: {}, first: {}, receivers: [] }),
  };
}

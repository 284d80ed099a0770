import { lstatSync } from "node:fs";
import type { RootsMemory } from "../agent/distrust-state.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { findDistrust } from "../edge/read-input-file.ts";
import { createClock } from "../host/clock.ts";
import { createFiles } from "../host/files.ts";
import { createHostRoot } from "../host/files-root.ts";
import { closeDirectories } from "../host/helper/close-directories.ts";
import { createStateKeeper } from "../host/helper/helper-state.ts";
import { sha256 } from "../host/sha256.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Separation {
  /** The agent's user. */
  readonly owner: Owner;
  readonly memory: () => Promise<RootsMemory>;
  readonly closeDirectories: () => Promise<readonly string[]>;
}

/** What root's command line has to heed on a node whose agent is another user; undefined: it is not such a node. */
export function separationOf({ stateDir, helperState }: AgentConfig, root: string): Separation | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const hostRoot = createHostRoot(root === "" ? "/" : root);
  const stats = lstatSync(hostRoot.resolve(stateDir), { throwIfNoEntry: false });
  if (stats === undefined || stats.uid === 0) return undefined;
  const files = createFiles(root === "" ? {} : { root });
  const keeper = createStateKeeper(helperState, { files, clock: createClock(), sha256 });
  const demandTrust = async (): Promise<void> => {
    const distrust = await findDistrust(helperState, root, 0);
    if (distrust !== undefined) throw new Error(distrust);
  };
  return {
    owner: { uid: stats.uid, gid: stats.gid },
    async memory() {
      await demandTrust();
      const { changes, first, receivers } = await keeper.load();
      const replaced = Object.entries(changes).map(([path, chain]) => {
        return [path, chain.flatMap(({ before }) => (before === null ? [] : [before]))] as const;
      });
      return { replaced: Object.fromEntries(replaced), first, receivers };
    },
    async closeDirectories() {
      await demandTrust();
      return closeDirectories(keeper, hostRoot);
    },
  };
}

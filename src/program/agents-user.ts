import { lstatSync } from "node:fs";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { createHostRoot } from "../host/files-root.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The agent's user, as root's command line has to heed it; undefined: that is root, or this is not root. */
export function agentsUser({ stateDir }: Pick<AgentConfig, "stateDir">, root: string): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const hostRoot = createHostRoot(root === "" ? "/" : root);
  const stats = lstatSync(hostRoot.resolve(stateDir), { throwIfNoEntry: false });
  return stats === undefined || stats.uid === 0 ? undefined : { uid: stats.uid, gid: stats.gid };
}

import { lstatSync } from "node:fs";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { exposureOf } from "../edge/exposure-of.ts";

/**
 * Why a place that is written to, or that is believed what it says, is open to others; undefined: none is. The state
 * directory holds what is put back, and root's start script of containerd may read the environment file. As root, the
 * state directory may be the agent's user's: what root believes of it then is decided elsewhere.
 */
export async function findUnsafePlace(
  { stateDir, containerd }: AgentConfig,
  root: string,
): Promise<string | undefined> {
  const ownUid = process.getuid?.() ?? 0;
  const state = lstatSync(`${root}${stateDir}`, { throwIfNoEntry: false });
  const stateUid = ownUid === 0 && state?.isDirectory() === true ? state.uid : ownUid;
  const places = [
    ["state_dir", stateDir, stateUid],
    ["containerd.environment_file", containerd.environmentFile ?? "", ownUid],
  ] as const;
  for (const [key, path, uid] of places) {
    const { toChange } = path === "" ? {} : await exposureOf(path, root, uid);
    if (toChange !== undefined) return `${key} is not safe: ${toChange}; nothing was done`;
  }
  return undefined;
}

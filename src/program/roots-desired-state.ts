import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { parseDesiredState } from "../core/desired-state/parse-desired-state.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import type { RootsDesiredState } from "../host/helper/read-verbs.ts";

/** The desired state, if it is root's alone to write. */
export async function readRootsDesiredState(
  { desiredState, secretsDir, pullSecret }: AgentConfig,
  root: string,
): Promise<RootsDesiredState | undefined> {
  const read = await readDesiredStateSources([desiredState], { root, trust: "owner" });
  if (!read.ok) return undefined;
  const parsed = parseDesiredState(read.files, { secretsDir, ...(pullSecret && { pullSecret }) });
  return { files: read.files, parsed };
}

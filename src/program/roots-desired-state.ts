import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { parseDesiredState } from "../core/desired-state/parse-desired-state.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { acceptSources, NO_STANDING } from "../core/signing/accept-sources.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import type { RootsDesiredState } from "../host/helper/read-verbs.ts";
import { readTrust, signingPorts } from "./read-trust.ts";

/**
 * The desired state, if it is root's alone to write. What it names counts only where it is signed as agent.toml wants it;
 * whether it is for this node, and now, the agent judges: it has the clock and the floor.
 */
export async function readRootsDesiredState(
  config: AgentConfig,
  root: string,
): Promise<RootsDesiredState | undefined> {
  const { desiredState, secretsDir, pullSecret } = config;
  const read = await readDesiredStateSources([desiredState], { root, trust: "owner" });
  if (!read.ok) return undefined;
  const named = await openSources(read.files, config, root);
  if (named === undefined) return { files: read.files, parsed: { needs: [], canaries: [] } };
  const parsed = parseDesiredState(named, { secretsDir, ...(pullSecret && { pullSecret }) });
  return { files: read.files, parsed };
}

async function openSources(
  files: readonly SourceFile[],
  config: AgentConfig,
  root: string,
): Promise<readonly SourceFile[] | undefined> {
  const trusted = await readTrust(config, root);
  if (!trusted.ok) return undefined;
  const acceptance = { ...trusted.expected, isLook: false, standingOf: () => NO_STANDING };
  const accepted = acceptSources(files, acceptance, signingPorts);
  return accepted.ok ? accepted.files : undefined;
}

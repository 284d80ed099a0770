import { opendir } from "node:fs/promises";
import type { Files } from "../agent/ports.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { parseDesiredState } from "../core/desired-state/parse-desired-state.ts";
import { acceptSources, NO_STANDING } from "../core/signing/accept-sources.ts";
import { SIGNING_LIMITS } from "../core/signing/signing-limits.ts";
import type { RootsDesiredState } from "../host/helper/read-verbs.ts";
import { readTrust, signingPorts } from "./read-trust.ts";

type Named = RootsDesiredState["parsed"];

/** The agent keeps fewer. */
const MOST_DOCUMENTS = 64;

/**
 * What the documents of the feed name that the agent keeps. They lie in its user's directory, so that all that speaks for
 * them are their signatures: only where `trust.keys` are set does one count that enough of them have signed for this node.
 * Whether it is the one in force, and now, the agent judges. `files` follows no links in the state directory.
 */
export async function readFeedsNames(
  config: AgentConfig,
  root: string,
  files: Pick<Files, "read">,
): Promise<readonly Named[]> {
  const { feed, trust, secretsDir, pullSecret } = config;
  if (feed === undefined || trust.keys.length === 0) return [];
  const trusted = await readTrust(config, root);
  if (!trusted.ok || trusted.expected.trust === undefined) return [];
  const acceptance = {
    ...trusted.expected,
    unsignedFiles: false,
    isLook: false,
    standingOf: () => NO_STANDING,
  };
  const named: Named[] = [];
  for (const name of await listDocuments(`${root}${config.stateDir}/feed`)) {
    const file = await files.read(`${config.stateDir}/feed/${name}`).catch(() => undefined);
    if (file === undefined || file.bytes.length > SIGNING_LIMITS.feedBytes) continue;
    const accepted = acceptSources([{ name, bytes: file.bytes }], acceptance, signingPorts);
    if (!accepted.ok || accepted.verified === undefined) continue;
    named.push(parseDesiredState(accepted.files, { secretsDir, ...(pullSecret && { pullSecret }) }));
  }
  return named;
}

/** However many names somebody has put there. */
async function listDocuments(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    const entries = await opendir(directory);
    let looked = 0;
    for await (const { name } of entries) {
      if (/^[0-9a-f]{64}\.signed\.json$/.test(name)) names.push(name);
      if (names.length >= MOST_DOCUMENTS || ++looked >= 4 * MOST_DOCUMENTS) break;
    }
  } catch {
    // There is none, or none that can be read: nothing is named.
  }
  return names.sort();
}

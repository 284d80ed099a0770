import type { FeedChoice } from "../agent/feed/choose-document.ts";
import type { PassContext } from "../agent/pass-context.ts";
import type { NodeDeps } from "../cli/node-deps.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";

/** The context of a pass of the agent's: by its own desired state, or by what `feed` says. */
export function agentsContext(
  { createContext }: NodeDeps,
  { desiredState }: AgentConfig,
  feed: (() => Promise<FeedChoice>) | undefined,
): PassContext {
  return createContext({
    sources: [desiredState],
    adopt: false,
    mayRestart: true,
    retryQuarantined: false,
    countsReads: true,
    isAgent: true,
    feed,
  });
}

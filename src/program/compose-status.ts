import { lstatSync } from "node:fs";
import type { Socket } from "node:net";
import type { NodeDeps } from "../cli/node-deps.ts";
import type { StatusDeps } from "../cli/status.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { isLoopbackHost } from "../core/containerd/loopback.ts";
import { askAgent } from "../edge/ask-agent.ts";
import { createPeerOwners } from "../host/peer-owner.ts";
import type { NodeSetup } from "./compose-node.ts";

const TIMEOUT_MS = 2000;

export function statusDeps({ config }: NodeSetup, deps: NodeDeps): StatusDeps {
  const { state } = deps.createContext({
    sources: [],
    adopt: false,
    mayRestart: false,
    retryQuarantined: false,
  });
  return {
    ask: () =>
      askAgent({ address: config.http.address, timeoutMs: TIMEOUT_MS, mayAnswer: believedFor(config) }),
    loadRecord: () => state.loadRecord(),
  };
}

/**
 * Who may speak for the agent of this node: root, the caller, and whom the state directory belongs to, which is the
 * agent's user where that is not root. Beyond loopback the owner cannot be told: who has the agent listen there relies
 * on nobody else doing so.
 */
export function believedFor({ stateDir }: Pick<AgentConfig, "stateDir">): (peer: Socket) => Promise<boolean> {
  return async (peer) => {
    if (!isLoopbackHost(peer.remoteAddress ?? "")) return true;
    const owner = await createPeerOwners().ownerOf(peer);
    if (owner === undefined) return false;
    return owner === 0 || owner === process.getuid?.() || owner === ownerOf(stateDir);
  };
}

function ownerOf(directory: string): number | undefined {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  return stats?.isDirectory() === true ? stats.uid : undefined;
}

import type { Socket } from "node:net";
import type { NodeDeps } from "../cli/node-deps.ts";
import type { StatusDeps } from "../cli/status.ts";
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
    ask: () => askAgent({ address: config.http.address, timeoutMs: TIMEOUT_MS, mayAnswer: isRootOrUs }),
    loadRecord: () => state.loadRecord(),
  };
}

/** Beyond loopback the owner cannot be told: who has the agent listen there relies on nobody else doing so. */
export async function isRootOrUs(peer: Socket): Promise<boolean> {
  if (!isLoopbackHost(peer.remoteAddress ?? "")) return true;
  const owner = await createPeerOwners().ownerOf(peer);
  return owner !== undefined && (owner === 0 || owner === process.getuid?.());
}

import type { Ports } from "../agent/ports.ts";
import type { ExplainDeps } from "../cli/explain.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { askAgent } from "../edge/ask-agent.ts";
import { createPullWalker } from "../edge/walk-pull.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import type { NodeSetup } from "./compose-node.ts";
import { createRegistryClient, createRegistryEnvironment } from "./compose-registry.ts";
import { believedFor } from "./compose-status.ts";

export function explainDeps({ config, root }: NodeSetup, { files, containerd }: Ports): ExplainDeps {
  const hostSocket = `${root}${config.containerd.socket}`;
  return {
    files,
    containerd,
    configPath: config.containerd.config,
    walker: createPullWalker({
      client: createRegistryClient(containerd, createRegistryEnvironment(undefined, hostSocket), root),
    }),
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    knowsDaemon: () => readDaemonEnvironment(hostSocket) !== undefined,
    // The agent works for this machine, not for a tree that lies on it.
    agentStatus: () => (root === "" ? askStatus(config) : Promise.resolve(undefined)),
  };
}

const STATUS_TIMEOUT_MS = 1000;

/** Undefined: no agent, or somebody else in its place, who is not believed. */
async function askStatus(config: AgentConfig): Promise<unknown> {
  const { address } = config.http;
  const answer = await askAgent({ address, timeoutMs: STATUS_TIMEOUT_MS, mayAnswer: believedFor(config) });
  return answer.ok ? answer.document : undefined;
}

/** Node's names that are not Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

import type { Ports } from "../agent/ports.ts";
import type { ExplainDeps } from "../cli/explain.ts";
import { readAgentStatus } from "../edge/read-agent-status.ts";
import { createPullWalker } from "../edge/walk-pull.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import type { NodeSetup } from "./compose-node.ts";
import { createRegistryClient } from "./compose-registry.ts";

export function explainDeps({ config, root }: NodeSetup, { files, containerd }: Ports): ExplainDeps {
  const hostSocket = `${root}${config.containerd.socket}`;
  return {
    files,
    containerd,
    configPath: config.containerd.config,
    walker: createPullWalker({ client: createRegistryClient(containerd, hostSocket, root) }),
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    knowsDaemon: () => readDaemonEnvironment(hostSocket) !== undefined,
    // The agent works for this machine, not for a tree that lies on it.
    agentStatus: async () => (root === "" ? readAgentStatus(config.http.address) : undefined),
  };
}

/** Node's names that are not Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

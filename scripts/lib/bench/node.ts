import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { labPart } from "../../../test/support/lab-parts.ts";
import { type AgentProcess, type LogLine, startAgent } from "../agent-process.ts";

/** A directory with what the agent needs of a node: config.toml that reads certs.d, and a containerd program. */
export interface BenchNode {
  readonly directory: string;
  readonly certsD: string;
  /** Starts the agent on it. */
  start(): Promise<AgentProcess>;
  writeDesiredState(text: string): Promise<void>;
}

export interface BenchNodeOptions {
  /** Where the agent listens; a port the kernel chooses when absent. */
  readonly address?: string;
  /** Lines of the table `evidence`. */
  readonly evidence?: string;
}

export async function createNode(directory: string, options: BenchNodeOptions = {}): Promise<BenchNode> {
  const certsD = join(directory, "certs.d");
  const wish = join(directory, "desired-state.yaml");
  const configPath = join(directory, "agent.toml");
  await mkdir(join(directory, "pids"), { recursive: true });
  await writeFile(
    join(directory, "config.toml"),
    `version = 3\n[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "${certsD}"\n`,
  );
  await writeFile(configPath, await agentToml(directory, certsD, wish, options));
  return {
    directory,
    certsD,
    start: () => startAgent(directory, configPath),
    async writeDesiredState(text) {
      await writeFile(`${wish}.new`, text);
      await rename(`${wish}.new`, wish);
    },
  };
}

/** Mirrors are not asked: the time of 1,000 handshakes would hide the agent's own. */
async function agentToml(
  directory: string,
  certsD: string,
  wish: string,
  { address = "127.0.0.1:0", evidence = "" }: BenchNodeOptions,
): Promise<string> {
  return `desired_state = "${wish}"
state_dir = "${directory}/state"
preflight = "off"
credentials = "header"
[containerd]
config = "${directory}/config.toml"
certs_d = "${certsD}"
socket = "${directory}/containerd.sock"
binary = "${await labPart("containerd-2.1")}/containerd"
restart = ["/bin/false"]
[http]
address = "${address}"
[evidence]
${evidence}
[log]
level = "debug"
`;
}

/** Each registry with its own mirror path; `variant` changes that of the registry in the middle. */
export function desiredState(count: number, variant = 0): string {
  const entries = Array.from({ length: count }, (_, index) => {
    const path = index === Math.floor(count / 2) ? `team-${index}-${variant}` : `team-${index}`;
    return `  - endpoint: https://mirror.example:5000/v2/${path}\n    hosts: [registry-${index}.example]\n`;
  });
  return `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n${entries.join("")}`;
}

/** The report of a pass that put a desired state in force. */
export function isApplied({ outcome }: LogLine): boolean {
  return outcome === "applied";
}

export function isPassOver({ outcome }: LogLine): boolean {
  return outcome !== undefined;
}

/** Each desired state here takes one step: its files are in place and durable. */
export function isStepDone({ step }: LogLine): boolean {
  return step !== undefined;
}

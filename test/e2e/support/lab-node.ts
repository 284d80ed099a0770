import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabContainerd } from "../../support/containerd.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { findFreePort } from "../../support/free-port.ts";
import { type LabAgent, startAgent } from "./lab-agent.ts";
import { type CommandEnd, runMirrorlet } from "./mirrorlet.ts";

export interface LabNodeOptions {
  /** config.toml to begin with; without it the daemon's own default, which reads certs.d. */
  readonly containerdConfig?: string;
  /** Keys of agent.toml besides those that point at the lab; values as TOML. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the desired state is, below the node's folder. */
  readonly desiredState?: string;
  /** Where containerd is to send its traces; without it the agent's port is open, and it sends none. */
  readonly tracesPort?: number;
  /** Whether the agent has a witness; it does unless this says no. */
  readonly witness?: boolean;
}

/** A node that mirrorlet has never seen: a running containerd, an empty certs.d, an agent.toml for it. */
export interface LabNode {
  readonly daemon: LabContainerd;
  readonly dir: string;
  readonly agentToml: string;
  readonly desiredState: string;
  readonly stateDir: string;
  /** host:port of its witness; the usual port is one for each machine. */
  readonly witnessAddress: string;
  /** Puts a file into the node's folder in one rename and returns its path. */
  put(name: string, content: string | Uint8Array): Promise<string>;
  /** Runs a command that takes `--config`. */
  run(command: string, ...args: readonly string[]): Promise<CommandEnd>;
  startAgent(environment?: Readonly<Record<string, string>>): Promise<LabAgent>;
}

/** The daemon is used again: it is restarted only where its configuration has to change. */
export async function prepareNode(daemon: LabContainerd, options: LabNodeOptions = {}): Promise<LabNode> {
  const dir = await mkdtemp(join(daemon.dir, "node-"));
  for (const name of await readdir(daemon.certsD)) await rm(join(daemon.certsD, name), { recursive: true });
  await configureDaemon(daemon, options.containerdConfig ?? defaultConfig(daemon.generation, daemon));
  const node = {
    agentToml: join(dir, "agent.toml"),
    desiredState: join(dir, options.desiredState ?? "desired-state.yaml"),
    stateDir: join(dir, "state"),
    witnessAddress: `127.0.0.1:${await findFreePort()}`,
  };
  await mkdir(join(dir, "secrets"));
  await writeFile(node.agentToml, agentToml(daemon, dir, node, options));
  const put = async (name: string, content: string | Uint8Array): Promise<string> => {
    const path = join(dir, name);
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return path;
  };
  return {
    ...node,
    daemon,
    dir,
    put,
    run: (command, ...args) =>
      runMirrorlet([command, "--config", node.agentToml, "--set", "log.level=error", ...args]),
    startAgent: (environment = {}) =>
      startAgent({ ...node, dir, pidFile: pidFile(daemon, dir), environment }),
  };
}

async function configureDaemon(daemon: LabContainerd, config: string): Promise<void> {
  const isRight = (await readFile(daemon.configPath, "utf8")) === config;
  if (isRight && !existsSync(daemon.environmentFile)) return;
  await rm(daemon.environmentFile, { force: true });
  await writeFile(daemon.configPath, config);
  await daemon.restart();
}

/** The daemon's lease ends the agent too, should this process die first. */
function pidFile(daemon: LabContainerd, dir: string): string {
  return join(daemon.dir, "pids", dir.slice(dir.lastIndexOf("/") + 1));
}

function agentToml(
  daemon: LabContainerd,
  dir: string,
  paths: Pick<LabNode, "desiredState" | "stateDir" | "witnessAddress">,
  { settings = {}, tracesPort = 0, witness = true }: LabNodeOptions,
): string {
  const root = {
    desired_state: JSON.stringify(paths.desiredState),
    state_dir: JSON.stringify(paths.stateDir),
    secrets_dir: JSON.stringify(join(dir, "secrets")),
    ...settings,
  };
  return `${Object.entries(root)
    .map(([key, value]) => `${key} = ${value}`)
    .join("\n")}
[containerd]
config = ${JSON.stringify(daemon.configPath)}
certs_d = ${JSON.stringify(daemon.certsD)}
socket = ${JSON.stringify(daemon.socket)}
binary = ${JSON.stringify(daemon.binary)}
restart = ${JSON.stringify(daemon.restartCommand)}
environment_file = ${JSON.stringify(daemon.environmentFile)}
[http]
address = "127.0.0.1:${tracesPort}"
[evidence]
witness = ${witness}
witness_address = "${paths.witnessAddress}"
`;
}

import { type AgentConfigResult, parseAgentConfig } from "../core/agent-config/parse-agent-config.ts";
import { readInputFile } from "../edge/read-input-file.ts";

const usualPath = "/etc/mirrorlet/agent.toml";
const maxBytes = 2 ** 20;

export interface LoadConfigOptions {
  readonly root: string;
  /** undefined: the usual place, where it may be missing. */
  readonly config: string | undefined;
  readonly set: readonly string[];
}

/**
 * Reads agent.toml and merges it with the environment and `--set`. A file that somebody else could write is
 * refused: it names the command that restarts containerd.
 */
export async function loadConfig({ root, config, set }: LoadConfigOptions): Promise<AgentConfigResult> {
  const name = config ?? usualPath;
  const isAbsolute = name.startsWith("/");
  const path = isAbsolute ? name : `${process.cwd()}/${name}`;
  const read = await readInputFile(path, { root: isAbsolute ? root : "", trust: "owner", maxBytes });
  if (read.ok) {
    const text = new TextDecoder().decode(read.bytes);
    return parseAgentConfig({ file: { name, text }, env: process.env, flags: set });
  }
  if (config === undefined && read.issue.code === "file-missing") {
    return parseAgentConfig({ env: process.env, flags: set });
  }
  return { ok: false, issues: [{ ...read.issue, at: { ...read.issue.at, file: name } }] };
}

import type { AgentConfig } from "../core/agent-config/agent-config.ts";

/** Where the legacy style keeps its PEM files: a directory of ours beside config.toml. */
export function legacyDirectory({ containerd }: Pick<AgentConfig, "containerd">): string {
  return `${containerd.config.slice(0, containerd.config.lastIndexOf("/"))}/mirrorlet`;
}

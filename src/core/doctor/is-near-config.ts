import type { NodeView } from "./node-view.ts";

/**
 * Whether a directory that nothing names may be meant for this containerd: one whose config.toml is not in /etc has its
 * directories beside it, and what is in /etc/containerd is for another.
 */
export function isNearConfig(path: string, { configFile }: Pick<NodeView, "configFile">): boolean {
  const near = configFile.slice(0, configFile.lastIndexOf("/") + 1);
  return near === "/etc/containerd/" || path.startsWith(near);
}

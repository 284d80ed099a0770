import type { NodeView } from "./node-view.ts";

/**
 * Whether a directory that nothing names may be meant for this containerd. One whose config.toml is not in
 * /etc/containerd, as that of k3s, has its directories beside it; what is in /etc is for another containerd, if there is
 * one, and otherwise a mistake that many make.
 */
export function isNearConfig(
  path: string,
  { configFile, isAloneInEtc }: Pick<NodeView, "configFile" | "isAloneInEtc">,
): boolean {
  const near = configFile.slice(0, configFile.lastIndexOf("/") + 1);
  return isAloneInEtc || path.startsWith(near);
}

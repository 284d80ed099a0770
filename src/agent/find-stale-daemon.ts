import type { ObservedConfig } from "../core/host-state.ts";
import type { Issue } from "../core/issue.ts";
import type { PassContext } from "./pass-context.ts";

/**
 * config.toml was written after containerd started: the file says what we need, the running daemon may not.
 * Only then is it asked, for an idle agent keeps no gRPC in memory.
 */
export async function findStaleDaemon(
  { path, file }: ObservedConfig,
  { ports, config, signal }: PassContext,
): Promise<readonly Issue[]> {
  if (file === undefined || config.style !== "certs.d") return [];
  const startedMs = await ports.containerd.startedMs();
  if (startedMs === undefined || file.modifiedMs <= startedMs) return [];
  const { criConfigPath } = await ports.containerd.health(signal);
  const { certsD } = config.containerd;
  if (criConfigPath === certsD) return [];
  const since = `${path} was changed after containerd started`;
  const message =
    criConfigPath === undefined
      ? `${since}: whether the running containerd reads ${certsD} is not known`
      : `${since}, which still reads registry configuration from ${JSON.stringify(criConfigPath)}: pulls do not go to the mirrors`;
  return [
    {
      code: "containerd-not-restarted",
      severity: criConfigPath === undefined ? "warning" : "error",
      at: { file: path, line: 1, column: 1 },
      message,
      fix: `restart it: ${config.containerd.restart.join(" ")}`,
    },
  ];
}

import { basename, dirname } from "node:path";
import { FREEZE_PATH } from "../agent/pass-results.ts";
import { PIN_PATH } from "../agent/pin.ts";
import type { PassReport } from "../agent/report.ts";
import { tracesPlaceOf } from "../core/containerd/tracing/traces-place.ts";
import type { WatchTarget } from "../edge/watch-paths.ts";
import { createHostRoot } from "../host/files-root.ts";
import type { NodeSetup } from "./compose-node.ts";

/** The node paths whose change asks for a pass: what is ours, what it is made of, and what decides about it. */
export function watchTargets(
  { config, root }: Pick<NodeSetup, "config" | "root">,
  report: Pick<PassReport, "ownedDirectories" | "inputs"> | undefined,
): readonly WatchTarget[] {
  const { certsD, config: configPath } = config.containerd;
  const traces = tracesPlaceOf(config.containerd);
  const file = (path: string): WatchTarget => ({
    directory: dirname(path),
    // Kubernetes swaps `..data` under files it mounts.
    only: [basename(path), "..data"],
  });
  return [
    { directory: certsD },
    ...(report?.ownedDirectories ?? []).map((directory) => ({ directory })),
    file(configPath),
    file(realPath(configPath, root)),
    ...(traces === undefined ? [] : [file(traces.path)]),
    file(FREEZE_PATH),
    file(PIN_PATH),
    ...(report?.inputs ?? []).map(file),
  ];
}

/** Behind a link the file changes in its own directory, and nothing happens where the link is. */
function realPath(path: string, root: string): string {
  try {
    const host = createHostRoot(root);
    return host.toNode(host.resolve(path));
  } catch {
    return path; // a link to itself: the pass says so
  }
}

import { formatMoment } from "../../evidence/format-age.ts";
import { atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { andMore, compareFates } from "./compare-fates.ts";
import type { ProcessView } from "./process-view.ts";

/** What takes longer than this from its start to its socket was touched since. */
const SLOWEST_START_MS = 120_000;
/** Without a socket's time: what is written this soon after the start may have been read. */
const READING_MS = 1_000;

/**
 * A wrapper may write the configuration and then become containerd, with one process and one start: what was there
 * when the socket was made counts as read.
 */
export function readByMs({
  startedMs,
  listeningMs,
}: Pick<ProcessView, "startedMs" | "listeningMs">): number | undefined {
  if (startedMs === undefined) return listeningMs;
  if (listeningMs === undefined || listeningMs < startedMs) return startedMs + READING_MS;
  return Math.min(listeningMs, startedMs + SLOWEST_START_MS);
}

/** Files that were changed since, where what counts could be another. */
export function checkStaleness(view: NodeView, process: ProcessView): readonly Finding[] {
  const readMs = readByMs(process);
  if (readMs === undefined) return [];
  const changed = process.configTimes.filter(({ modifiedMs }) => modifiedMs > readMs);
  const [first] = changed;
  if (first === undefined) return [];
  const running = process.health?.criConfigPath;
  if (running === view.config.configPath && isAllInConfigPath(view)) return [];
  const { configPath } = view.config;
  const times = changed.map(({ path, modifiedMs }) => `${path} at ${formatMoment(modifiedMs)}`);
  const isOther = running !== undefined && running !== configPath;
  const other = isOther
    ? `; it still has config_path = ${JSON.stringify(running)} where the files now say ${JSON.stringify(configPath)}`
    : "";
  return [
    {
      code: "config-newer-than-daemon",
      severity: isOther ? "error" : "warning",
      where: atPath(first.path),
      fact: `containerd (pid ${process.pid}) has been running since ${formatMoment(process.startedMs ?? readMs)}, and these were changed later: ${times.join(", ")}${other}`,
      consequence: isOther
        ? describeNow(running, view)
        : "pulls go by what containerd read at its start, which may be something else than the file says now",
      fix: process.restart,
    },
  ];
}

/** config_path and what hangs on it is all that CRI tells; registries of the old style could have changed unseen. */
function isAllInConfigPath({ config }: NodeView): boolean {
  const { configPath, mirrors, configs, auths, headers } = config;
  return configPath !== "" && [mirrors, configs, auths, headers].every((list) => list.length === 0);
}

/** Only where the directory is known can more be said than which one it is. */
function describeNow(configPath: string, view: NodeView): string {
  const roots = configPath === "" ? [] : configPath.split(":");
  const isKnown = roots.every((root) => view.roots.some(({ tree }) => tree.root === root));
  const difference = isKnown ? compareFates(asRunning(configPath, roots, view), view) : undefined;
  return difference === undefined
    ? `pulls go by the hosts.toml files below ${configPath === "" ? "no directory" : configPath} until containerd is restarted`
    : `until it is restarted, ${difference.here}; after it, ${difference.there}${andMore(difference.more)}`;
}

function asRunning(configPath: string, roots: readonly string[], view: NodeView): NodeView {
  return {
    ...view,
    config: { ...view.config, configPath, roots, mirrors: [], configs: [] },
    roots: view.roots.map((root) => ({
      ...root,
      standing: roots.includes(root.tree.root) ? "in-force" : "usual",
    })),
  };
}

import { type FleetView, goneSince } from "./assess-node.ts";
import type { NamedChannel } from "./find-channel.ts";
import type { FleetSummary, RunningCount, VersionCount } from "./fleet-summary.ts";
import { listDifferences } from "./list-differences.ts";
import { findWave, type Sha256 } from "./membership.ts";
import type { NodeSource, NodeStatus } from "./node-status.ts";
import type { Rollout } from "./rollout.ts";
import { isEnded } from "./rollout-state.ts";
import { summarizeRollout } from "./summarize-rollout.ts";

const MOST_RUNNING = 6;
const MOST_VERSIONS = 6;
const MOST_ROLLOUTS = 10;

/** What `fleet status` shows. */
export function summarizeFleet(
  view: FleetView,
  channels: readonly NamedChannel[],
  nowMs: number,
  sha256: Sha256,
): FleetSummary {
  const rollouts = channels
    .flatMap((channel) => channel.rollouts)
    .toSorted(inOrder)
    .slice(0, MOST_ROLLOUTS)
    .map((rollout) => summarizeRollout(rollout, view, (node) => findWave(rollout.spec, node, sha256), nowMs));
  const statuses = view.nodes.flatMap(({ status }) => (status ? [status] : []));
  const gone = statuses.filter((status) => goneSince(status, view) !== undefined).length;
  const live = rollouts.filter(({ summary }) => !isEnded(summary.state));
  return {
    atMs: nowMs,
    total: view.nodes.length,
    connected: statuses.length - gone,
    gone,
    unseen: view.nodes.length - statuses.length,
    running: countRunning(statuses),
    sources: countSources(statuses),
    agents: countVersions(statuses, ({ agent }) => agent),
    containerds: countVersions(statuses, ({ containerd }) => containerd),
    rollouts: rollouts.map(({ summary }) => summary),
    differences: listDifferences(
      view,
      channels,
      live.flatMap(({ assessed }) => assessed),
    ),
  };
}

function inOrder(one: Rollout, other: Rollout): number {
  const ended = Number(isEnded(one.state)) - Number(isEnded(other.state));
  return ended || other.state.startedMs - one.state.startedMs;
}

function countRunning(statuses: readonly NodeStatus[]): readonly RunningCount[] {
  const counts = new Map<string, RunningCount>();
  for (const { running } of statuses) {
    const nodes = (counts.get(running?.digest ?? "")?.nodes ?? 0) + 1;
    counts.set(running?.digest ?? "", { ...running, nodes });
  }
  const sorted = [...counts.values()].toSorted((a, b) => b.nodes - a.nodes);
  const rest = sumNodes(sorted.slice(MOST_RUNNING));
  return [...sorted.slice(0, MOST_RUNNING), ...(rest > 0 ? [{ nodes: rest, isOthers: true as const }] : [])];
}

function countVersions(
  statuses: readonly NodeStatus[],
  versionOf: (status: NodeStatus) => string,
): readonly VersionCount[] {
  const counts = new Map<string, number>();
  for (const status of statuses) counts.set(versionOf(status), (counts.get(versionOf(status)) ?? 0) + 1);
  const sorted = [...counts]
    .map(([version, nodes]) => ({ version, nodes }))
    .toSorted((a, b) => b.nodes - a.nodes);
  const rest = sumNodes(sorted.slice(MOST_VERSIONS));
  return [...sorted.slice(0, MOST_VERSIONS), ...(rest > 0 ? [{ version: "others", nodes: rest }] : [])];
}

function countSources(statuses: readonly NodeStatus[]): Readonly<Record<NodeSource, number>> {
  const counts = { none: 0, feed: 0, file: 0, pinned: 0 };
  for (const { source } of statuses) counts[source]++;
  return counts;
}

function sumNodes(counts: readonly Pick<VersionCount, "nodes">[]): number {
  return counts.reduce((sum, { nodes }) => sum + nodes, 0);
}

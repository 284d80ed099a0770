import { matchesSelector } from "../signing/selector.ts";
import { type FleetView, goneSince } from "./assess-node.ts";
import type { WaveAssessment } from "./assess-wave.ts";
import { stableFor } from "./channel.ts";
import { findChannel, type NamedChannel } from "./find-channel.ts";
import type { Difference, DifferenceKind } from "./fleet-summary.ts";
import { gatherEvidence, type UnwellNode } from "./gather-evidence.ts";
import type { FleetNode, NodeError } from "./node-status.ts";
import { listStrays } from "./rollout.ts";
import { isEnded } from "./rollout-state.ts";

const ORDER: readonly DifferenceKind[] = [
  "failed",
  "lost",
  "cloned",
  "unwell",
  "other-state",
  "drifted",
  "several-channels",
  "no-channel",
  "pinned-on-node",
  "pinned-by-fleet",
  "gone",
  "unseen",
];

const MOST_NAMES = 10;
const MOST_ERRORS = 3;

/** Which nodes are not as the rest of the fleet; a node may be in several lists. */
export function listDifferences(
  view: FleetView,
  channels: readonly NamedChannel[],
  assessed: readonly WaveAssessment[],
): readonly Difference[] {
  const lists = new Map<DifferenceKind, UnwellNode[]>();
  const add = (kind: DifferenceKind, node: FleetNode, error: NodeError = { code: "", message: "" }): void => {
    const list = lists.get(kind);
    if (list) list.push({ node, error });
    else lists.set(kind, [{ node, error }]);
  };
  for (const { failed, lost } of assessed) {
    for (const { node, error } of failed) add("failed", node, error);
    for (const { node, error } of lost) add("lost", node, error);
  }
  for (const node of view.nodes) {
    for (const kind of kindsOf(node, view, channels)) add(kind, node);
    const { unwell } = node.status ?? {};
    if (unwell !== undefined)
      add("unwell", node, { code: unwell.verdict, message: `${unwell.namespace} is ${unwell.verdict}` });
  }
  return ORDER.flatMap((kind) => {
    const list = lists.get(kind);
    return list === undefined ? [] : [describeList(kind, list)];
  });
}

function kindsOf(
  node: FleetNode,
  view: FleetView,
  channels: readonly NamedChannel[],
): readonly DifferenceKind[] {
  const { status } = node;
  const isPinned = status?.source === "pinned";
  const isOverridden = view.overridden.has(node.id);
  const kinds: DifferenceKind[] = [];
  if (isPinned) kinds.push("pinned-on-node");
  if (isOverridden) kinds.push("pinned-by-fleet");
  if (status?.cloned) kinds.push("cloned");
  if (status?.drifted) kinds.push("drifted");
  if (status === undefined) kinds.push("unseen");
  else if (goneSince(status, view) !== undefined) kinds.push("gone");
  const found = findChannel(channels, node);
  if (found === "several") kinds.push("several-channels");
  else if (found === "none") kinds.push("no-channel");
  else if (!isPinned && !isOverridden && status !== undefined && !isKnown(node, found))
    kinds.push("other-state");
  return kinds;
}

/** It runs what is stable, or what a rollout that has not ended brings. */
function isKnown(node: FleetNode, { channel, rollouts }: NamedChannel): boolean {
  const running = node.status?.running?.digest;
  const stable = stableFor(channel, node);
  if (stable === undefined || running === stable.digest) return true;
  return rollouts.some(
    ({ spec, state }) =>
      running !== undefined &&
      !isEnded(state) &&
      listStrays(spec).includes(running) &&
      matchesSelector(spec.scope, node),
  );
}

function describeList(kind: DifferenceKind, list: readonly UnwellNode[]): Difference {
  const { errors } = gatherEvidence(list, []);
  return {
    kind,
    count: list.length,
    nodes: list
      .map(({ node }) => node.id)
      .toSorted()
      .slice(0, MOST_NAMES),
    errors: errors.filter(({ code }) => code !== "").slice(0, MOST_ERRORS),
  };
}

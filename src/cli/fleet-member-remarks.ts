import { type Channel, stableFor } from "../core/fleet/channel.ts";
import { findChannel, type NamedChannel } from "../core/fleet/find-channel.ts";
import type { FleetNode } from "../core/fleet/node-status.ts";
import { mayOverlap } from "../core/fleet/overlap.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import { describeSelector, matchesSelector } from "../core/signing/selector.ts";
import { countNodes, listNames } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";

/** What it means to nodes that `next` has other members than the channel had. */
export function listMemberRemarks(name: string, next: Channel, picture: FleetPicture): readonly string[] {
  return [
    ...listMoves(name, next, picture),
    ...listGoingOn(name, picture),
    ...listShared(name, next, picture),
  ];
}

/** At once and without waves. A line for each kind of move. */
function listMoves(name: string, next: Channel, { channels, view }: FleetPicture): readonly string[] {
  const others = channels.filter((one) => one.name !== name);
  const after = [...others, { name, channel: next, rollouts: [] }];
  const moves = new Map<string, string[]>();
  for (const node of view.nodes) {
    const [before, then] = [describe(channels, node), describe(after, node)];
    if (before.key === then.key) continue;
    const words = `${then.words} instead of ${before.words}`;
    const nodes = moves.get(words);
    if (nodes) nodes.push(node.id);
    else moves.set(words, [node.id]);
  }
  return [...moves].map(
    ([words, nodes]) =>
      `${countNodes(nodes.length)} at once: ${words}: ${listNames(nodes.toSorted(), nodes.length, 200)}`,
  );
}

/** Without anything to take, a node keeps what it runs. */
function describe(channels: readonly NamedChannel[], node: FleetNode) {
  const found = findChannel(channels, node);
  if (typeof found === "string") {
    const words = found === "several" ? "nothing (members of several channels)" : "nothing (of no channel)";
    return { key: found, words };
  }
  const stable = stableFor(found.channel, node);
  const words = stable === undefined ? "nothing yet" : `serial ${stable.serial}`;
  return { key: stable?.digest ?? found.name, words: `${words} of ${found.name}` };
}

/** A rollout has counted its nodes out: who joins gets nothing of it, and keeps to what was stable. */
function listGoingOn(name: string, { channels }: FleetPicture): readonly string[] {
  const rollouts = channels.find((one) => one.name === name)?.rollouts ?? [];
  return rollouts
    .filter(({ state }) => !isEnded(state))
    .map(
      ({ spec: { id, scope } }) =>
        `${id} goes on for ${plainText(describeSelector(scope))} alone: for nodes that join now another rollout brings the same`,
    );
}

/** Nodes that would be members of two channels get nothing from either. */
function listShared(name: string, { members }: Channel, { channels, view }: FleetPicture): readonly string[] {
  return channels.flatMap(({ name: other, channel }) => {
    if (other === name || !mayOverlap(members, channel.members)) return [];
    const both = view.nodes.filter(
      (node) => matchesSelector(members, node) && matchesSelector(channel.members, node),
    );
    const [first] = both;
    if (first === undefined) return [];
    return [
      both.length === 1
        ? `${first.id} is a member of ${other} too, and takes from neither`
        : `${countNodes(both.length)} are members of ${other} too, ${first.id} for one, and take from neither`,
    ];
  });
}

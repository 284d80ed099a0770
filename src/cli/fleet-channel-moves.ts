import { type Channel, stableFor } from "../core/fleet/channel.ts";
import { findChannel, type NamedChannel } from "../core/fleet/find-channel.ts";
import type { FleetNode } from "../core/fleet/node-status.ts";
import { countNodes, listNames } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";

/** What other members for a channel mean to its nodes, at once and without waves. A line for each kind of move. */
export function listMoves({ channels, view }: FleetPicture, name: string, next: Channel): readonly string[] {
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

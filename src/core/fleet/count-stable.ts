import type { Bundle } from "./bundle.ts";
import { type Channel, stableFor } from "./channel.ts";
import type { FleetNode } from "./node-status.ts";

export interface StableCount extends Bundle {
  readonly nodes: number;
}

/** What the channel has for these nodes, the most frequent first; nodes that it has nothing for are in none. */
export function countStable(channel: Channel, nodes: readonly FleetNode[]): readonly StableCount[] {
  const counts = new Map<string, StableCount>();
  for (const node of nodes) {
    const stable = stableFor(channel, node);
    if (stable === undefined) continue;
    const { digest, serial } = stable;
    counts.set(digest, { digest, serial, nodes: (counts.get(digest)?.nodes ?? 0) + 1 });
  }
  return [...counts.values()].toSorted((a, b) => b.nodes - a.nodes || b.serial - a.serial);
}

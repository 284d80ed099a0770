import type { FleetNode } from "./node-status.ts";
import type { Factor } from "./rollout-state.ts";

/** At least this share of those that did badly has it, and it is that much less frequent among those that did well. */
const SHARE = 0.8;
const DIFFERENCE = 0.5;
const MOST = 4;

/**
 * What nodes that did badly have in common and others have not: a label, the version of containerd or of the agent. The
 * most telling first. Where none did well, nothing can be told apart.
 */
export function findFactors(unwell: readonly FleetNode[], well: readonly FleetNode[]): readonly Factor[] {
  const bad = countTraits(unwell);
  const good = countTraits(well);
  const factors = [...bad].map(([key, count]): Factor => {
    const [name = "", value = ""] = key.split("\0");
    return {
      name,
      value,
      unwell: count,
      unwellOf: unwell.length,
      well: good.get(key) ?? 0,
      wellOf: well.length,
    };
  });
  return factors
    .filter((one) => share(one) >= SHARE && difference(one) >= DIFFERENCE)
    .toSorted(
      (a, b) => difference(b) - difference(a) || compare(`${a.name}=${a.value}`, `${b.name}=${b.value}`),
    )
    .slice(0, MOST);
}

function countTraits(nodes: readonly FleetNode[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { labels, status } of nodes) {
    const traits = Object.entries(labels);
    if (status) traits.push(["containerd", status.containerd], ["agent", status.agent]);
    for (const [name, value] of traits) {
      // Not known: nodes have nothing in common by that.
      if (value === "") continue;
      const key = `${name}\0${value}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function share({ unwell, unwellOf }: Factor): number {
  return unwell / unwellOf;
}

function difference(factor: Factor): number {
  return factor.wellOf === 0 ? 0 : share(factor) - factor.well / factor.wellOf;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

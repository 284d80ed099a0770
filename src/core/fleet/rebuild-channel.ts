import type { Selector } from "../signing/selector.ts";
import type { Channel } from "./channel.ts";
import { isWithin } from "./overlap.ts";
import type { Rollout } from "./rollout.ts";
import { withStable } from "./with-stable.ts";

/**
 * A channel whose record cannot be read, by the rollouts of it that are still known. What only older ones have brought is
 * lost: such nodes keep what they run, or get what the whole channel has.
 */
export function rebuildChannel(members: Selector, rollouts: readonly Rollout[]): Channel {
  const ended = rollouts
    .filter(({ state }) => state.generation !== undefined)
    .toSorted((a, b) => (a.state.generation ?? 0) - (b.state.generation ?? 0));
  const [whole] = rollouts
    .filter(({ spec }) => isWithin(members, spec.scope))
    .toSorted((a, b) => a.spec.createdMs - b.spec.createdMs);
  const before = whole?.spec.from;
  const first: Channel = { members, ...(before && { stable: before }), scoped: [], generation: 0 };
  const last = ended
    .filter(({ state }) => state.phase === "done")
    .reduce((channel, { spec }) => withStable(channel, spec.scope, spec.to), first);
  // Never one that servers have seen already.
  const generation = Math.max(last.generation, ended.at(-1)?.state.generation ?? 0) + 1;
  return { ...last, generation };
}

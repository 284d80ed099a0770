import { matchesSelector, type NodeIdentity } from "../signing/selector.ts";
import type { Channel } from "./channel.ts";
import type { Rollout } from "./rollout.ts";

export interface NamedChannel {
  readonly name: string;
  readonly channel: Channel;
  /** All of it, ended ones too. */
  readonly rollouts: readonly Rollout[];
}

/** The channel a node takes from; where several would have it, none: which one counts would be a guess. */
export function findChannel<Named extends NamedChannel>(
  channels: readonly Named[],
  node: NodeIdentity,
): Named | "none" | "several" {
  const found = channels.filter(({ channel }) => matchesSelector(channel.members, node));
  if (found.length > 1) return "several";
  return found[0] ?? "none";
}

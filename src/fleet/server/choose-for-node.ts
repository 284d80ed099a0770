import type { Assignment } from "../../core/fleet/assignment.ts";
import { chooseAssignment, type FeedView } from "../../core/fleet/choose-assignment.ts";
import { chooseStable } from "../../core/fleet/choose-stable.ts";
import { findChannel } from "../../core/fleet/find-channel.ts";
import type { Sha256 } from "../../core/fleet/membership.ts";
import type { NodeStatus } from "../../core/fleet/node-status.ts";
import type { Rollout } from "../../core/fleet/rollout.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import { matchesSelector, type NodeIdentity } from "../../core/signing/selector.ts";
import { type Guard, guardOf, unchanged } from "../store/commit.ts";
import type { FollowedFleet } from "../store/follow-fleet.ts";
import { type ListedChannel, listChannels } from "../store/list-channels.ts";
import { identifyNode, listDoubtfulNodes } from "../store/list-nodes.ts";

/** What a node is to be told, and what has to be as it was seen when that becomes durable. */
export interface ChosenAssignment {
  readonly assignment: Assignment;
  /** The channel, and the states of its rollouts that may concern the node. */
  readonly shared: readonly Guard[];
  /** The node's override. */
  readonly own: readonly Guard[];
}

export interface Chooser {
  choose(node: string, status: NodeStatus, nowMs: number): ChosenAssignment | undefined;
  /** For a node that is only asking: what is durable, and nothing that somebody would have to watch over. */
  chooseOnce(node: string, status: NodeStatus, nowMs: number): Assignment | undefined;
  /** The records have changed. */
  forget(): void;
}

/** `chooseAssignment` by the records as they are followed. */
export function createChooser(fleet: string, followed: FollowedFleet, sha256: Sha256): Chooser {
  const { records } = followed;
  let listed: readonly ListedChannel[] | undefined;
  let doubtful: ReadonlySet<string> = new Set();
  const guards = new Map<string, readonly Guard[]>();
  const channels = (): readonly ListedChannel[] => {
    if (listed === undefined) {
      guards.clear();
      listed = listChannels(records);
      doubtful = listDoubtfulNodes(records);
    }
    return listed;
  };
  /** The same list for all nodes whom the same concerns. */
  const guardsOf = (channel: string, active: readonly Rollout[]): readonly Guard[] => {
    const key = `${channel} ${active.map(({ spec }) => spec.id).join(" ")}`;
    const known = guards.get(key);
    if (known !== undefined) return known;
    const made = [
      guardOf(fleet, records, { kind: "channel", id: channel }),
      ...active.map(({ spec }) => guardOf(fleet, records, { kind: "state", id: spec.id })),
    ];
    guards.set(key, made);
    return made;
  };
  const lookAt = (
    id: string,
    nowMs: number,
  ):
    | { readonly identity: NodeIdentity; readonly channel: ListedChannel; readonly view: FeedView }
    | undefined => {
    const identity = identifyNode(records, id);
    const all = channels();
    const channel = findChannel(all, identity);
    if (channel === "none" || channel === "several" || doubtful.has(id)) return undefined;
    if (channel.doubt !== undefined) return undefined;
    const override = records.override.get(id)?.value;
    const { name, channel: value, rollouts } = channel;
    const view = {
      name,
      channel: value,
      rollouts,
      ...(override && { override }),
      engineAgeMs: followed.ageMs(),
      beatAgeMs: followed.beatAgeMs(),
      clockOffMs: followed.clockOffMs(nowMs),
    };
    return { identity, channel, view };
  };
  return {
    choose(id, status, nowMs) {
      const look = lookAt(id, nowMs);
      if (look === undefined) return undefined;
      const { identity, channel, view } = look;
      const { assignment } = chooseAssignment({ ...identity, status }, view, nowMs, sha256);
      if (assignment === undefined) return undefined;
      const active = channel.rollouts.filter(
        ({ spec, state }) => !isEnded(state) && matchesSelector(spec.scope, identity),
      );
      const shared = guardsOf(channel.name, active);
      return { assignment, shared, own: [unchanged("override", id, records.override.get(id))] };
    },
    chooseOnce(id, status, nowMs) {
      const look = lookAt(id, nowMs);
      if (look === undefined) return undefined;
      const { identity, view } = look;
      if (status.running === undefined && view.override === undefined && status.source !== "pinned")
        return chooseStable(identity, status, view.name, view.channel, nowMs).assignment;
      const { assignment } = chooseAssignment({ ...identity, status }, view, nowMs, sha256);
      return assignment?.rolloutId === undefined ? assignment : undefined;
    },
    forget() {
      listed = undefined;
    },
  };
}

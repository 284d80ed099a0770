import { type Channel, listStable } from "./channel.ts";
import type { NodeStatus } from "./node-status.ts";
import type { Override } from "./override.ts";
import type { Rollout } from "./rollout.ts";
import { isEnded } from "./rollout-state.ts";

/** What a fleet's records have; all that can be read, and nothing that cannot. */
export interface KeptRecords {
  readonly channels: Iterable<Channel>;
  readonly rollouts: readonly Rollout[];
  readonly statuses: () => Iterable<NodeStatus>;
  readonly overrides: Iterable<Override>;
}

/** A rollout that nobody needs any more, and what it brought that nobody runs or may get. */
export interface Prunable {
  readonly id: string;
  readonly channel: string;
  /** Digests of bundles. */
  readonly bundles: readonly string[];
}

/** Of each channel so many ended rollouts stay, the newest. */
export const MOST_ENDED = 50;

/**
 * What may go, the oldest first. A rollout that the status of a node names stays: the node may still answer it, and its
 * name must not be given to another one. A bundle that was published and never rolled out is nobody's yet, and stays.
 */
export function listPrunable(records: KeptRecords): readonly Prunable[] {
  const old = listOld(records.rollouts);
  if (old.length === 0) return [];
  const statuses = [...records.statuses()];
  const named = new Set(statuses.flatMap(namesOf));
  const gone = old.filter(({ spec }) => !named.has(spec.id));
  const goneIds = new Set(gone.map(({ spec }) => spec.id));
  const used = new Set(
    [
      ...[...records.channels].flatMap(listStable),
      ...records.rollouts.flatMap(({ spec: { id, from, to } }) => (goneIds.has(id) ? [] : [to, from])),
      ...[...records.overrides].map(({ bundle }) => bundle),
      ...statuses.flatMap(({ running, offer }) => [running, offer]),
    ].map((bundle) => bundle?.digest),
  );
  return gone.map(({ spec: { id, channel, from, to } }) => ({
    id,
    channel,
    bundles: [...new Set([to.digest, ...(from ? [from.digest] : [])])].filter((digest) => !used.has(digest)),
  }));
}

function listOld(rollouts: readonly Rollout[]): readonly Rollout[] {
  const counts = new Map<string, number>();
  return rollouts
    .filter(({ state }) => isEnded(state))
    .toSorted((one, other) => other.spec.createdMs - one.spec.createdMs)
    .filter(({ spec: { channel } }) => {
      const count = (counts.get(channel) ?? 0) + 1;
      counts.set(channel, count);
      return count > MOST_ENDED;
    })
    .reverse();
}

/** Rollouts that a node has to do with. */
function namesOf({ offer, preflight, refused }: NodeStatus): readonly string[] {
  const refusals = refused.map(({ assignmentId }) => assignmentId.split("/")[0] ?? "");
  return [offer?.rolloutId ?? "", preflight?.rolloutId ?? "", ...refusals];
}

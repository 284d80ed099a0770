import type { Channel } from "../../core/fleet/channel.ts";
import type { Prunable } from "../../core/fleet/list-prunable.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../core/fleet/rollout-state.ts";
import type { StartResult } from "../../core/fleet/start-rollout.ts";
import { commit, type RecordWrite, unchanged, type WriteResult } from "./commit.ts";
import type { FleetRecords, Stored } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";
import { type Leadership, ledBy } from "./lead-fleet.ts";
import { pastRolloutsPrefix } from "./record-name.ts";

/**
 * What `startRollout` has said of `records`, as one write. The channel is written too, as it is: that way only one of two
 * that start at once, each without knowing of the other, gets through. Not ok also where there is no such channel, or
 * where there was a rollout of this name before (`listPastRollouts`): nodes know it by that, and would take this one for it.
 */
export async function beginRollout(
  store: FleetStore,
  records: FleetRecords,
  spec: RolloutSpec,
  { state, superseded }: Extract<StartResult, { readonly ok: true }>,
): Promise<WriteResult> {
  const channel = records.channel.get(spec.channel);
  if (channel === undefined) return { ok: false };
  const { id } = spec;
  return commit(
    store,
    [
      unchanged("channel", spec.channel, channel),
      unchanged("spec", id, undefined),
      unchanged("state", id, undefined),
      { neverPruned: id },
      ...superseded.map((one) => unchanged("state", one.id, records.state.get(one.id))),
    ],
    [
      { kind: "channel", id: spec.channel, value: channel.value },
      { kind: "spec", id, value: spec },
      { kind: "state", id, value: state },
      ...superseded.map((one): RecordWrite => ({ kind: "state", id: one.id, value: one.state })),
    ],
  );
}

/** Names of all rollouts that were pruned. For commands of people. */
export async function listPastRollouts({ engine, fleet }: FleetStore): Promise<ReadonlySet<string>> {
  const prefix = pastRolloutsPrefix(fleet);
  const { entries } = await engine.list(prefix);
  return new Set(entries.map(({ key }) => key.slice(prefix.length)));
}

/** What an operator has commanded: `commandRollout`. */
export function commandState(
  store: FleetStore,
  id: string,
  before: Stored<RolloutState>,
  value: RolloutState,
): Promise<WriteResult> {
  return commit(store, [unchanged("state", id, before)], [{ kind: "state", id, value }]);
}

/**
 * Takes a rollout out that is long over, with the bundles that were only its own, as long as who does it leads; its name stays. The channel
 * is written too, as it is: who begins a rollout meanwhile looks again, and at the bundles as well.
 */
export async function pruneRollout(
  store: FleetStore,
  leadership: Leadership,
  records: FleetRecords,
  { id, channel, bundles }: Prunable,
): Promise<WriteResult> {
  const stored = records.channel.get(channel);
  if (stored === undefined) return { ok: false };
  const names = (["spec", "state", "tokens"] as const).map((kind) => ({ kind, id }));
  return commit(
    store,
    [
      ledBy(leadership),
      unchanged("channel", channel, stored),
      ...names.map(({ kind }) => unchanged(kind, id, records[kind].get(id))),
    ],
    [
      { kind: "channel", id: channel, value: stored.value },
      ...names.map((remove) => ({ remove })),
      { notePruned: id },
      ...bundles.map((removeBundle) => ({ removeBundle })),
    ],
  );
}

export interface StateDecision {
  readonly id: string;
  readonly before: Stored<RolloutState>;
  readonly state: RolloutState;
  readonly channel: { readonly name: string; readonly before: Stored<Channel>; readonly value?: Channel };
}

/** What the controller has decided, by the state and the channel that it was decided from, as long as it leads. */
export function decideState(
  store: FleetStore,
  leadership: Leadership,
  { id, before, state, channel }: StateDecision,
): Promise<WriteResult> {
  const { name, before: channelBefore, value } = channel;
  return commit(
    store,
    [ledBy(leadership), unchanged("state", id, before), unchanged("channel", name, channelBefore)],
    [
      { kind: "state", id, value: state },
      ...(value === undefined ? [] : [{ kind: "channel", id: name, value } as const]),
    ],
  );
}

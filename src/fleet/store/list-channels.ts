import type { Channel } from "../../core/fleet/channel.ts";
import type { NamedChannel } from "../../core/fleet/find-channel.ts";
import type { Rollout } from "../../core/fleet/rollout.ts";
import type { BrokenRecord, FleetRecords } from "./fleet-records.ts";

export interface ListedChannel extends NamedChannel {
  /**
   * A record cannot be read that may be about it: nobody can say what its nodes should run, so that nothing new is said
   * to them, and no rollout of it goes on. A sentence.
   */
  readonly doubt?: string;
  /** It is its own record that cannot be read: what `channel` has of it is next to nothing. */
  readonly isBroken?: true;
}

/**
 * The channels of a fleet with their rollouts, for `findChannel`, `chooseAssignment` and `summarizeFleet`. Also those whose
 * record cannot be read, which are in doubt.
 */
export function listChannels(records: FleetRecords): readonly ListedChannel[] {
  const rollouts = listRollouts(records);
  const readable = [...records.channel].map(([name, { value }]) => [name, value] as const);
  const broken = listBroken(records).map(([name, channel]) => [name, channel, true] as const);
  return [...readable, ...broken].map(([name, channel, isBroken]): ListedChannel => {
    const doubt = findDoubt(records, name);
    const own = rollouts.filter(({ spec }) => spec.channel === name);
    return {
      name,
      channel,
      rollouts: own,
      ...(doubt !== undefined && { doubt }),
      ...(isBroken && { isBroken }),
    };
  });
}

function listBroken({ broken }: FleetRecords): readonly (readonly [string, Channel])[] {
  return [...broken.values()].flatMap(({ name, members = NOBODY }) =>
    name.kind === "channel" ? [[name.id, { members, scoped: [], generation: 0 }]] : [],
  );
}

const NOBODY = { nodes: [] };

function listRollouts({ spec: specs, state: states }: FleetRecords): readonly Rollout[] {
  return [...specs].flatMap(([id, { value: spec }]) => {
    const state = states.get(id)?.value;
    return state === undefined ? [] : [{ spec, state }];
  });
}

function findDoubt(records: FleetRecords, channel: string): string | undefined {
  for (const record of records.broken.values())
    if (mayBeAbout(records, record, channel)) return `${record.key} cannot be read: ${record.message}`;
  for (const [id, { value: spec }] of records.spec)
    if (spec.channel === channel && !records.state.has(id)) return `the rollout ${id} has no state`;
  return undefined;
}

/**
 * Of a channel that cannot be read at all, others go on: a node that is a member of theirs as well refuses what is not
 * signed for the channel that its own agent.toml names.
 */
function mayBeAbout({ spec: specs }: FleetRecords, { name }: BrokenRecord, channel: string): boolean {
  if (name.kind === "channel") return name.id === channel;
  if (name.kind === "spec") return true;
  const isRollout = name.kind === "state" || name.kind === "tokens";
  return isRollout && (specs.get(name.id)?.value.channel ?? channel) === channel;
}

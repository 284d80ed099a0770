import type { FleetView } from "../../core/fleet/assess-node.ts";
import { decide } from "../../core/fleet/decide.ts";
import type { WaitCode, WaveOf } from "../../core/fleet/decision.ts";
import { countInFlight } from "../../core/fleet/in-flight.ts";
import { listPrunable, type Prunable } from "../../core/fleet/list-prunable.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import { reclaimTokens, type TokenBlocks } from "../../core/fleet/share-tokens.ts";
import type { FleetRecords, Stored } from "../store/fleet-records.ts";
import { type ListedChannel, listChannels } from "../store/list-channels.ts";
import { listServers } from "../store/list-servers.ts";
import type { StateDecision } from "../store/write-rollout.ts";

/** What the controller makes of the records at one moment. */
export interface RoundPlan {
  readonly decisions: readonly StateDecision[];
  readonly reclaims: readonly Reclaim[];
  /** A rollout that is long over: one at a time, when nothing else is to be done. */
  readonly prune: Prunable | undefined;
  /** By rollout. */
  readonly waits: ReadonlyMap<string, WaitCode>;
  /** By channel: why nothing is decided. */
  readonly doubts: ReadonlyMap<string, string>;
  /** By rollout: what a mistake of ours has thrown. */
  readonly bugs: ReadonlyMap<string, unknown>;
}

/** Tokens of servers that are gone. */
export interface Reclaim {
  readonly id: string;
  readonly before: Stored<TokenBlocks>;
  readonly tokens: TokenBlocks;
}

export function planRound(
  records: FleetRecords,
  view: FleetView,
  waves: (spec: RolloutSpec) => WaveOf,
  nowMs: number,
): RoundPlan {
  const decisions: StateDecision[] = [];
  const waits = new Map<string, WaitCode>();
  const doubts = new Map<string, string>();
  const bugs = new Map<string, unknown>();
  const channels = listChannels(records);
  for (const channel of channels) {
    if (channel.doubt !== undefined) doubts.set(channel.name, channel.doubt);
    else decideChannel(channel);
  }
  const reclaims = planReclaims(records, nowMs);
  const isQuiet = decisions.length === 0 && reclaims.length === 0;
  const prune = isQuiet ? planPrune(records, channels) : undefined;
  return { decisions, reclaims, prune, waits, doubts, bugs };

  function decideChannel({ name, channel, rollouts }: ListedChannel): void {
    for (const rollout of rollouts) {
      const { id } = rollout.spec;
      const before = records.state.get(id);
      const channelBefore = records.channel.get(name);
      if (isEnded(rollout.state) || before === undefined || channelBefore === undefined) continue;
      try {
        const decision = decide(rollout, channel, view, waves(rollout.spec), nowMs);
        if (decision.kind === "wait") waits.set(id, decision.code);
        else {
          const { state, channel: value } = decision;
          const named = { name, before: channelBefore, ...(value && { value }) };
          decisions.push({ id, before, state, channel: named });
        }
      } catch (error) {
        bugs.set(id, error);
      }
    }
  }
}

/**
 * Of servers whose key is gone. The records show a moment after that, so that they have every offer that such a server has
 * made, and the server can make none any more.
 */
function planReclaims(records: FleetRecords, nowMs: number): readonly Reclaim[] {
  const servers = listServers(records);
  const isGone = (server: string): boolean => !servers.has(server);
  return [...records.tokens].flatMap(([id, before]) => {
    const spec = records.spec.get(id)?.value;
    const isOver = isEnded(records.state.get(id)?.value ?? { phase: "done" });
    if (spec === undefined || isOver || !before.value.blocks.some(({ server }) => isGone(server))) return [];
    const statuses = [...records.status.values()].map(({ value }) => value);
    const tokens = reclaimTokens(before.value, isGone, (server) =>
      countInFlight(spec, statuses, server, nowMs),
    );
    return sizeOfAll(tokens) === sizeOfAll(before.value) ? [] : [{ id, before, tokens }];
  });
}

/** What cannot be read may be about anything. */
function planPrune(
  { broken, status, override }: FleetRecords,
  channels: readonly ListedChannel[],
): Prunable | undefined {
  if (broken.size > 0) return undefined;
  const [oldest] = listPrunable({
    channels: channels.map(({ channel }) => channel),
    rollouts: channels.flatMap(({ rollouts }) => rollouts),
    statuses: () => valuesOf(status),
    overrides: valuesOf(override),
  });
  return oldest;
}

function valuesOf<T>(records: ReadonlyMap<string, Stored<T>>): readonly T[] {
  return [...records.values()].map(({ value }) => value);
}

function sizeOfAll({ blocks }: TokenBlocks): number {
  return blocks.reduce((sum, { size }) => sum + size, 0);
}

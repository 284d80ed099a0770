import { describeSelector } from "../signing/selector.ts";
import { type Channel, listStable } from "./channel.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { mayOverlap } from "./overlap.ts";
import type { Rollout } from "./rollout.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import { isEnded, type RolloutState } from "./rollout-state.ts";
import { isStorable, withStable } from "./with-stable.ts";

export type StartResult =
  | {
      readonly ok: true;
      readonly state: RolloutState;
      /** States to be written in the same transaction. */
      readonly superseded: readonly { readonly id: string; readonly state: RolloutState }[];
    }
  | { readonly ok: false; readonly messages: readonly string[] };

/**
 * Whether a rollout may begin beside the others of its channel, ended ones included. What it answers holds for the
 * channel and the states it was asked with: the transaction compares all of them.
 */
export function startRollout(
  spec: RolloutSpec,
  channel: Channel,
  others: readonly Rollout[],
  nowMs: number,
): StartResult {
  const messages = [
    ...checkBundles(spec, channel),
    ...checkSuperseded(spec, others),
    ...others.flatMap((other) => checkBeside(spec, other)),
    ...checkRoom(spec, channel, others),
  ];
  if (messages.length > 0) return { ok: false, messages };
  const superseded = others
    .filter((other) => isSuperseded(spec, other))
    .map(({ spec: { id }, state: { paused: _, ...state } }) => ({
      id,
      state: { ...state, phase: "superseded", startedMs: nowMs } as const,
    }));
  return { ok: true, state: { phase: "preflight", wave: 0, startedMs: nowMs, attempt: 1 }, superseded };
}

function checkBundles({ id, from, to, channel: name, onHalt }: RolloutSpec, channel: Channel): string[] {
  const messages: string[] = [];
  if (from?.digest === to.digest) messages.push(`${id} goes from ${short(to.digest)} to itself`);
  if (from === undefined && channel.stable !== undefined)
    messages.push(`the channel ${name} has ${short(channel.stable.digest)}: say that ${id} comes from it`);
  if (from !== undefined && !listStable(channel).some(({ digest }) => digest === from.digest))
    messages.push(
      `the channel ${name} does not have ${short(from.digest)} (any more), which ${id} comes from`,
    );
  if (from === undefined && onHalt === "revert")
    messages.push(`${id} is the first of its channel and has nothing to go back to: let onHalt be hold`);
  return messages;
}

/** As the channel will be when all that goes on has gone through. */
function checkRoom(spec: RolloutSpec, channel: Channel, others: readonly Rollout[]): string[] {
  const live = others.filter((other) => !isEnded(other.state) && !isSuperseded(spec, other));
  const all = [...live.map((other) => other.spec), spec];
  const after = all.reduce((before, { scope, to }) => withStable(before, scope, to), channel);
  if (after.scoped.length === 0) return [];
  if (after.scoped.length <= FLEET_LIMITS.scoped && isStorable(after)) return [];
  return [
    `the channel ${spec.channel} has ${channel.scoped.length} parts with a state of their own, and no room for another: roll one state out to the whole channel first, or to a scope that takes several of them in`,
  ];
}

function checkSuperseded({ supersedes, id: own }: RolloutSpec, others: readonly Rollout[]): string[] {
  return supersedes.flatMap(({ id, digest }) => {
    const other = others.find(({ spec }) => spec.id === id);
    if (other === undefined) return [`${own} supersedes ${id}, which there is none of`];
    if (other.spec.to.digest !== digest) return [`${id} has brought another state than ${own} says`];
    return other.state.phase === "halted" || isEnded(other.state)
      ? []
      : [`${id} is not halted (${other.state.phase}); halt it before another supersedes it`];
  });
}

function checkBeside(spec: RolloutSpec, other: Rollout): string[] {
  if (other.spec.id === spec.id) return [`there has been a rollout ${spec.id} already: ids are used once`];
  if (isEnded(other.state) || isSuperseded(spec, other) || !mayOverlap(spec.scope, other.spec.scope))
    return [];
  const { id, scope } = other.spec;
  const way =
    other.state.phase === "halted"
      ? `supersede it, or revert it first`
      : `wait for it, or halt it and supersede it`;
  return [
    `the rollout ${id} (${other.state.phase}) has nodes of the same scope (${describeSelector(scope)}): ${way}`,
  ];
}

function isSuperseded({ supersedes }: RolloutSpec, { spec, state }: Rollout): boolean {
  return state.phase === "halted" && supersedes.some(({ id }) => id === spec.id);
}

function short(digest: string): string {
  return digest.slice(0, 12);
}

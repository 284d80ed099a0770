import { time } from "../signing/judge-signed-state.ts";
import { describeSelector, matchesSelector } from "../signing/selector.ts";
import type { Bundle } from "./bundle.ts";
import type { Channel } from "./channel.ts";
import { type PublishedState, type Remarks, remarkFloor } from "./check-published.ts";
import { countOutRollout } from "./count-out-rollout.ts";
import { countStable, type StableCount } from "./count-stable.ts";
import type { NamedChannel } from "./find-channel.ts";
import type { EndOf } from "./list-ending.ts";
import type { Sha256 } from "./membership.ts";
import type { FleetNode } from "./node-status.ts";
import { isWithin } from "./overlap.ts";
import { formatProblem } from "./problem.ts";
import { writeStored } from "./read-record.ts";
import { readRolloutSpec } from "./read-rollout-spec.ts";
import type { Rollout } from "./rollout.ts";
import type { RolloutDraft } from "./rollout-draft.ts";
import type { RolloutSpec, Superseded } from "./rollout-spec.ts";
import { startRollout } from "./start-rollout.ts";

export interface RolloutWish {
  readonly draft: RolloutDraft;
  readonly to: PublishedState;
  /** Undefined: a name is made of channel and serial. */
  readonly id: string | undefined;
  /** Names of others that there are and were, of any channel: none is used twice. */
  readonly used: ReadonlySet<string>;
  /** Ids of rollouts. */
  readonly supersedes: readonly string[];
  readonly by: string;
  readonly atMs: number;
  /** Of what nodes have now. */
  readonly endOf: EndOf;
}

export interface RolloutPlan extends Remarks {
  readonly spec: RolloutSpec;
  /** Known nodes of its scope. */
  readonly nodes: readonly FleetNode[];
  /** What they have as their stable state, the most frequent first; `spec.from` is the first that is not `spec.to`. */
  readonly from: readonly StableCount[];
}

/** A draft, counted out on the nodes of its channel, and what is to be said of it before it begins. */
export function planRollout(
  { draft, to, id, used, supersedes, by, atMs, endOf }: RolloutWish,
  { name, channel, rollouts }: NamedChannel,
  nodes: readonly FleetNode[],
  sha256: Sha256,
): RolloutPlan {
  // Of another channel's nodes this one's rollouts are no business.
  const scope = isWithin({}, draft.scope) ? channel.members : draft.scope;
  const found = supersedes.map((one) => rollouts.find(({ spec }) => spec.id === one)?.spec);
  const members = nodes.filter((node) => matchesSelector(scope, node));
  const has = countStable(channel, members);
  const from = has.find(({ digest }) => digest !== to.digest) ?? has[0] ?? channel.stable;
  const own = rollouts.map(({ spec }) => spec.id);
  const taken = new Set([...used, ...own]);
  const facts = {
    id: id ?? draft.id ?? nameRollout(`${name}-${to.serial}`, taken),
    channel: name,
    ...(from && { from: { digest: from.digest, serial: from.serial } }),
    to: { digest: to.digest, serial: to.serial },
    supersedes: found.flatMap((spec): Superseded[] =>
      spec ? [{ id: spec.id, digest: spec.to.digest }] : [],
    ),
    createdMs: atMs,
    createdBy: by,
  };
  const spec = countOutRollout({ ...draft, scope }, facts, nodes, sha256);
  const isExpired = to.state.expiresMs <= atMs;
  const refusals = [
    ...supersedes.flatMap((one, index) =>
      found[index] ? [] : [`there is no rollout ${one} of ${name} to supersede`],
    ),
    ...checkScope(spec, channel, members),
    ...checkFloor(spec, has, to),
    ...(isExpired ? ["it has expired, and no node would put it in force; sign it anew"] : []),
    ...(used.has(spec.id) && !own.includes(spec.id)
      ? [`there has been a rollout ${spec.id} already: ids are used once`]
      : []),
    ...checkStart(spec, channel, rollouts, atMs),
  ];
  return {
    spec,
    nodes: members,
    from: has,
    refusals: refusals.length > 0 ? refusals : checkStored(spec),
    warnings: [
      ...remarkOlder(to, has),
      ...remarkFloor(to.state, channel),
      ...remarkNodes(to, members),
      ...remarkTime(to, atMs),
      ...remarkEnds(spec, has, to, endOf),
    ],
  };
}

function checkStart(
  spec: RolloutSpec,
  channel: Channel,
  rollouts: readonly Rollout[],
  atMs: number,
): readonly string[] {
  const started = startRollout(spec, channel, rollouts, atMs);
  return started.ok ? [] : started.messages;
}

/** As those will read it who carry it out. */
function checkStored(spec: RolloutSpec): readonly string[] {
  const read = readRolloutSpec(writeStored(spec));
  return read.ok ? [] : read.problems.map(formatProblem);
}

function nameRollout(base: string, taken: ReadonlySet<string>): string {
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base}.${count}`;
  return name;
}

function checkScope(
  { scope, channel: name }: RolloutSpec,
  { members }: Channel,
  nodes: readonly FleetNode[],
): readonly string[] {
  if (nodes.length === 0)
    return [
      `no node is known of its scope (${describeSelector(scope)}): a node is once it has connected, or by mirrorlet fleet inventory`,
    ];
  const strangers = nodes.filter((node) => !matchesSelector(members, node)).map(({ id }) => id);
  const [first] = strangers;
  return first === undefined
    ? []
    : [
        `${strangers.length} of its nodes take from another channel than ${name}, ${first} for one: narrow its scope to ${describeSelector(members)}`,
      ];
}

function checkFloor(
  { onHalt }: RolloutSpec,
  has: readonly StableCount[],
  { state }: PublishedState,
): readonly string[] {
  const closed = has.filter(({ serial }) => serial < state.floorSerial);
  if (onHalt !== "revert" || closed.length === 0) return [];
  const serials = listSerials(closed);
  return [
    `onHalt is revert, and who has soaked serial ${state.serial} refuses serial ${serials}, for its floor is ${state.floorSerial}: let onHalt be hold, or sign with a lower --floor-serial and raise it later`,
  ];
}

/** To go back is a rollout like another; not to see that it does is how fleets lose what they had. */
function remarkOlder({ serial }: PublishedState, has: readonly StableCount[]): readonly string[] {
  const newer = has.filter((one) => one.serial > serial);
  const nodes = newer.reduce((sum, one) => sum + one.nodes, 0);
  if (nodes === 0) return [];
  return [
    `serial ${serial} is OLDER than what ${nodes} of its nodes have (serial ${listSerials(newer)}): they go back to it`,
  ];
}

function listSerials(states: readonly Bundle[]): string {
  const shown = states.slice(0, MOST_SERIALS).map(({ serial }) => serial);
  return `${shown.join(", ")}${states.length > shown.length ? " and others" : ""}`;
}

const MOST_SERIALS = 6;

/** The node judges by its own labels, this goes by those of the inventory. */
function remarkNodes({ state }: PublishedState, nodes: readonly FleetNode[]): readonly string[] {
  const others = nodes.filter((node) => !matchesSelector(state.audience, node)).map(({ id }) => id);
  const connected = nodes.filter(({ status }) => status?.connection !== undefined).length;
  return [
    ...(others.length === 0
      ? []
      : [
          `by the inventory ${others.length} of its nodes are not among those it is signed for (${describeSelector(state.audience)}), ${others[0]} for one: they would refuse it`,
        ]),
    ...(connected === 0 ? ["none of its nodes is connected now: it waits for them"] : []),
  ];
}

function remarkTime({ state }: PublishedState, nowMs: number): readonly string[] {
  const notYet = state.notBeforeMs !== undefined && state.notBeforeMs > nowMs;
  return notYet ? ["it may not be used yet (notBefore): nodes would refuse it until then"] : [];
}

/** A node takes nothing that has expired, also not what it had before. */
function remarkEnds(
  spec: RolloutSpec,
  has: readonly StableCount[],
  { state, digest }: PublishedState,
  endOf: EndOf,
): readonly string[] {
  const atOnceMs = spec.waves.length * (spec.spreadMs + spec.soakMs);
  const overMs = spec.createdMs + atOnceMs + spec.waves.reduce((sum, { bakeMs }) => sum + bakeMs, 0);
  const back = has.flatMap((one) => {
    const endMs = one.digest === digest ? undefined : endOf(one.digest);
    if (endMs === undefined || endMs > overMs) return [];
    const when =
      endMs <= spec.createdMs
        ? `has expired (${time(endMs)})`
        : `expires at ${time(endMs)}, before this can be over`;
    return [
      `serial ${one.serial}, which ${one.nodes} of its nodes have, ${when}: they could not go back to it, so that revert is no way out; sign it anew with a higher serial, publish it, and have that at hand`,
    ];
  });
  if (state.expiresMs > overMs) return back;
  return [
    ...back,
    `it expires at ${time(state.expiresMs)}, before this can be over: nodes of later waves would refuse it`,
  ];
}

import type { FleetView } from "../core/fleet/assess-node.ts";
import type { Channel } from "../core/fleet/channel.ts";
import { decide } from "../core/fleet/decide.ts";
import type { WaitCode, WaveOf } from "../core/fleet/decision.ts";
import type { NamedChannel } from "../core/fleet/find-channel.ts";
import type { FleetSummary, RolloutSummary } from "../core/fleet/fleet-summary.ts";
import type { InventoryEntry } from "../core/fleet/inventory.ts";
import type { EndingState } from "../core/fleet/list-ending.ts";
import { findWave, type Sha256 } from "../core/fleet/membership.ts";
import type { Override } from "../core/fleet/override.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { summarizeFleet } from "../core/fleet/summarize-fleet.ts";
import { summarizeRollout } from "../core/fleet/summarize-rollout.ts";

/** All that is stored of a fleet, at one moment. */
export interface FleetPicture {
  readonly fleet: string;
  readonly atMs: number;
  readonly channels: readonly (NamedChannel & { readonly doubt?: string; readonly isBroken?: true })[];
  /** Stable states that have expired, or will soon. */
  readonly ending: readonly EndingState[];
  readonly view: FleetView;
  readonly overrides: ReadonlyMap<string, Override>;
  readonly inventory: ReadonlyMap<string, InventoryEntry>;
  readonly servers: readonly ServerRecord[];
  /** Absent: none leads. */
  readonly controller?: { readonly id: string };
  /** Records that cannot be read, and are left out. */
  readonly broken: readonly BrokenRecord[];
  /** How long the engine has not answered; absent: this is how things are now. */
  readonly staleMs?: number;
}

export interface ServerRecord {
  readonly id: string;
  readonly version?: string;
  /** Its clock is by so much ahead of the controller's that it tells its nodes of no rollout. Absent: it does. */
  readonly clockOffMs?: number;
}

export interface BrokenRecord {
  readonly key: string;
  readonly message: string;
}

/** What is shown of it. */
export interface FleetReport {
  readonly fleet: string;
  readonly summary: FleetSummary;
  readonly channels: readonly { readonly name: string; readonly channel: Channel }[];
  /** Those of the summary, in its order. */
  readonly rollouts: readonly RolloutReport[];
  /** With the nodes that have their stream there. */
  readonly servers: readonly (ServerRecord & { readonly nodes: number })[];
  readonly controller?: { readonly id: string };
  readonly broken: readonly BrokenRecord[];
  readonly ending: readonly EndingState[];
  /** What makes it unsafe to tell nodes of a channel anything new. */
  readonly doubts: readonly string[];
  readonly staleMs?: number;
}

export interface RolloutReport extends Rollout {
  readonly summary: RolloutSummary;
  /** Absent: the controller is about to write the next state. */
  readonly waits?: WaitCode;
  /** It goes on only under a controller, and none leads. */
  readonly isFrozen: boolean;
}

export function reportFleet(picture: FleetPicture, sha256: Sha256): FleetReport {
  const { fleet, atMs, channels, view, servers, controller, broken, staleMs } = picture;
  const whole = summarizeFleet(view, channels, atMs, sha256);
  // Before there is any channel, nobody differs in that.
  const differences = whole.differences.filter(({ kind }) => kind !== "no-channel" || channels.length > 0);
  const summary = { ...whole, differences };
  const nodesOf = new Map<string, number>();
  for (const { status } of view.nodes) {
    const server = status?.connection?.server;
    if (server !== undefined) nodesOf.set(server, (nodesOf.get(server) ?? 0) + 1);
  }
  return {
    fleet,
    summary,
    channels: channels.map(({ name, channel }) => ({ name, channel })),
    rollouts: summary.rollouts.flatMap((one) => {
      const found = findRollout(channels, one.id);
      return found === undefined ? [] : [complete(found, one, picture, sha256)];
    }),
    servers: servers.map((server) => ({ ...server, nodes: nodesOf.get(server.id) ?? 0 })),
    ...(controller && { controller }),
    broken,
    ending: picture.ending,
    doubts: channels.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt])),
    ...(staleMs !== undefined && { staleMs }),
  };
}

/** As `reportFleet`, of one rollout alone; undefined: there is none of that id. */
export function reportRollout(picture: FleetPicture, id: string, sha256: Sha256): RolloutReport | undefined {
  const found = findRollout(picture.channels, id);
  if (found === undefined) return undefined;
  const { summary } = summarizeRollout(found, picture.view, wavesOf(found, sha256), picture.atMs);
  return complete(found, summary, picture, sha256);
}

function findRollout(
  channels: readonly NamedChannel[],
  id: string,
): (Rollout & { channel: Channel }) | undefined {
  for (const { channel, rollouts } of channels) {
    const rollout = rollouts.find(({ spec }) => spec.id === id);
    if (rollout !== undefined) return { ...rollout, channel };
  }
  return undefined;
}

function complete(
  { channel, ...rollout }: Rollout & { readonly channel: Channel },
  summary: RolloutSummary,
  { view, atMs, controller }: FleetPicture,
  sha256: Sha256,
): RolloutReport {
  const decision = decide(rollout, channel, view, wavesOf(rollout, sha256), atMs);
  const goesOn = !isEnded(rollout.state) && rollout.state.phase !== "halted" && !rollout.state.paused;
  return {
    ...rollout,
    summary,
    ...(decision.kind === "wait" && { waits: decision.code }),
    isFrozen: goesOn && controller === undefined,
  };
}

function wavesOf({ spec }: Rollout, sha256: Sha256): WaveOf {
  return (node) => findWave(spec, node, sha256);
}

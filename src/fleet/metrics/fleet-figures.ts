import type { GoneServers } from "../../core/fleet/assess-node.ts";
import type { FleetSummary } from "../../core/fleet/fleet-summary.ts";
import type { EndOf } from "../../core/fleet/list-ending.ts";
import type { Sha256 } from "../../core/fleet/membership.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import { summarizeFleet } from "../../core/fleet/summarize-fleet.ts";
import type { ControllerStatus } from "../controller/controller-board.ts";
import type { FollowedFleet } from "../store/follow-fleet.ts";
import { type ListedChannel, listChannels } from "../store/list-channels.ts";
import { viewFleet } from "../store/view-fleet.ts";

export interface FleetMetricsSource {
  readonly followed: FollowedFleet;
  /** Undefined: this process takes no part in leading the fleet. */
  readonly controller?: () => ControllerStatus;
  readonly nowMs: () => number;
  readonly uptimeMs: () => number;
  readonly sha256: Sha256;
  /** When published states expire. */
  readonly endOf: EndOf;
}

/** What metrics show of a fleet at one moment. */
export interface FleetFigures {
  readonly followed: FollowedFleet;
  /** This machine's clock, now: by kept figures it would seem to stand still. */
  readonly atMs: () => number;
  readonly controller?: ControllerStatus;
  readonly channels: readonly ListedChannel[];
  readonly endOf: EndOf;
  /** Only of the one that leads: of several servers that all know it, one tells it, and sums are right. */
  readonly summary?: FleetSummary;
}

/** Takes the figures when they are asked for, and for a large fleet not all the time. */
export function createFleetFigures(source: FleetMetricsSource): () => FleetFigures {
  const { followed, nowMs, uptimeMs, sha256, endOf } = source;
  let gone: GoneServers = new Map();
  let taken: { readonly figures: FleetFigures; readonly untilMs: number } | undefined;
  const take = (): FleetFigures => {
    const { records } = followed;
    const controller = source.controller?.();
    const channels = listChannels(records);
    const atMs = nowMs();
    const view = viewFleet(records, { gone }, records.controller.get("")?.value.sinceMs ?? atMs, atMs);
    gone = view.gone;
    const base = { followed, channels, endOf, atMs: nowMs, ...(controller && { controller }) };
    if (controller?.role !== "leading") return base;
    return { ...base, summary: summarizeFleet(view, channels.map(withoutEnded), nowMs(), sha256) };
  };
  return () => {
    const startedMs = uptimeMs();
    if (taken !== undefined && startedMs < taken.untilMs) return taken.figures;
    const figures = take();
    const endedMs = uptimeMs();
    taken = { figures, untilMs: endedMs + Math.min(MOST_KEPT_MS, COST * (endedMs - startedMs)) };
    return figures;
  };
}

/** So many times longer than it took to make them, figures are told again: of a large fleet they take 2 % of the time at most. */
const COST = 50;
const MOST_KEPT_MS = 10_000;

/** Of those that are over, states do not change any more, and there may be many. */
function withoutEnded(channel: ListedChannel): ListedChannel {
  return { ...channel, rollouts: channel.rollouts.filter(({ state }) => !isEnded(state)) };
}

import { matchesSelector } from "../signing/selector.ts";
import type { Choice } from "./assignment.ts";
import type { Channel } from "./channel.ts";
import { chooseByRollout, type Freeze } from "./choose-by-rollout.ts";
import { chooseStable, STABLE_TIMES } from "./choose-stable.ts";
import { holdBack } from "./hold-back.ts";
import { standingOf } from "./in-flight.ts";
import type { Sha256 } from "./membership.ts";
import type { FleetNode, NodeStatus } from "./node-status.ts";
import type { Override } from "./override.ts";
import type { Rollout } from "./rollout.ts";
import { isEnded } from "./rollout-state.ts";

/** Older than this, a server's view of the fleet brings no node anything it does not know. */
export const ENGINE_FRESH_MS = 30_000;

/** A controller that has not been heard for longer than this cannot halt a rollout, so that nothing goes on. */
export const CONTROLLER_FRESH_MS = 30_000;

/**
 * When a node has to have answered is written down by its server's clock and judged by the controller's. Further apart
 * than this, an answer may be late at once, or never; a beat may come some seconds late.
 */
export const CLOCK_OFF_MS = 30_000;

/** What a feed server knows, and how old that is. */
export interface FeedView {
  /** The name of the node's channel. */
  readonly name: string;
  readonly channel: Channel;
  /** All of that channel, ended ones too. */
  readonly rollouts: readonly Rollout[];
  readonly override?: Override;
  /** How long ago the server's view was last proven fresh. */
  readonly engineAgeMs: number;
  /** How long ago the controller's beat was last seen to change. */
  readonly beatAgeMs: number;
  /** By how much the server's clock is ahead of the controller's. Absent: it is not known. */
  readonly clockOffMs?: number;
}

/**
 * What a node with a stream is to be told now. A function of what is stored, so that every feed server says the same,
 * and says it once: an assignment that was sent on this stream is not chosen again. One that needs a token is sent only
 * with one, and none is sent before `recordOffer` is durable.
 */
export function chooseAssignment(
  node: FleetNode & { readonly status: NodeStatus },
  view: FeedView,
  nowMs: number,
  sha256: Sha256,
): Choice {
  const { status } = node;
  if (status.source === "pinned") return { reason: "pinned-on-node" };
  if (view.engineAgeMs > ENGINE_FRESH_MS || isTorn(view)) {
    // A node that has nothing is better off with what was good a moment ago.
    const first =
      status.running === undefined ? chooseStable(node, status, view.name, view.channel, nowMs) : undefined;
    return first?.assignment === undefined ? { reason: "engine-stale" } : first;
  }
  const choice = view.override
    ? chooseByOverride(status, view.override, nowMs)
    : chooseFreely(node, status, view, nowMs, sha256);
  return holdBack(status, choice);
}

function chooseFreely(
  node: FleetNode,
  status: NodeStatus,
  view: FeedView,
  nowMs: number,
  sha256: Sha256,
): Choice {
  const active = view.rollouts.filter(
    ({ spec, state }) => !isEnded(state) && matchesSelector(spec.scope, node),
  );
  const [rollout] = active;
  if (active.length > 1) return { reason: "overlapping-rollouts" };
  if (rollout === undefined) return chooseStable(node, status, view.name, view.channel, nowMs);
  return chooseByRollout({
    node,
    status,
    rollout,
    name: view.name,
    channel: view.channel,
    frozen: findFreeze(view),
    nowMs,
    sha256,
  });
}

function findFreeze({ beatAgeMs, clockOffMs = 0 }: FeedView): Freeze | undefined {
  if (beatAgeMs > CONTROLLER_FRESH_MS) return "controller-silent";
  return Math.abs(clockOffMs) > CLOCK_OFF_MS ? "clock-off" : undefined;
}

/** The end of a rollout and what it made stable are written together; of these two only one has arrived. */
function isTorn({ channel, rollouts }: FeedView): boolean {
  return rollouts.some(({ state }) => (state.generation ?? 0) > channel.generation);
}

function chooseByOverride(status: NodeStatus, { bundle, atMs }: Override, nowMs: number): Choice {
  const { offer } = status;
  const reason = "pinned-by-fleet";
  if (bundle === undefined || status.running?.digest === bundle.digest) return { reason };
  const id = `pin/${atMs}`;
  if (status.refused.some(({ assignmentId }) => assignmentId === id)) return { reason: "refused" };
  const standing = offer?.id === id ? standingOf(status, offer, nowMs) : undefined;
  if (standing !== undefined) return { reason: standing };
  const assignment = {
    id,
    wave: 0,
    attempt: 1,
    mode: "apply",
    bundle,
    ...STABLE_TIMES,
    spreadMs: 0,
    needsObserved: false,
    needsToken: false,
  } as const;
  return { assignment, reason };
}

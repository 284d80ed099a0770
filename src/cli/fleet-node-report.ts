import { assessNode, assessRevert, type Outcome } from "../core/fleet/assess-node.ts";
import type { Reason } from "../core/fleet/assignment.ts";
import { chooseAssignment } from "../core/fleet/choose-assignment.ts";
import { findChannel } from "../core/fleet/find-channel.ts";
import { findWave, type Sha256 } from "../core/fleet/membership.ts";
import type { FleetNode } from "../core/fleet/node-status.ts";
import type { Override } from "../core/fleet/override.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { matchesSelector } from "../core/signing/selector.ts";
import type { FleetPicture } from "./fleet-report.ts";

/** One node, and why it is told what it is told. */
export interface NodeReport extends FleetNode {
  /** Absent: it is a member of no channel, or of several. */
  readonly channel?: string;
  readonly hasSeveralChannels: boolean;
  readonly override?: Override;
  /** Rollouts that have not ended and have it in their scope. */
  readonly rollouts: readonly NodeInRollout[];
  /** Absent: it has no stream, or no channel. */
  readonly reason?: Reason;
}

export interface NodeInRollout extends Rollout {
  readonly wave?: number;
  /** Of a released wave, or of going back. */
  readonly outcome?: Outcome;
}

/** Undefined: nobody has ever heard of such a node. */
export function reportNode(picture: FleetPicture, id: string, sha256: Sha256): NodeReport | undefined {
  const { view, channels, overrides, atMs, controller } = picture;
  const node = view.nodes.find((one) => one.id === id);
  if (node === undefined) return undefined;
  const { status } = node;
  const found = findChannel(channels, node);
  const override = overrides.get(id);
  const channel = found === "none" || found === "several" ? undefined : found;
  const rollouts = (channel?.rollouts ?? [])
    .filter(({ spec, state }) => !isEnded(state) && matchesSelector(spec.scope, node))
    .map((rollout) => placeInRollout(rollout, node, picture, sha256));
  const isServed = status?.connection !== undefined && !view.gone.has(status.connection.server);
  const reason =
    status === undefined || channel === undefined || !isServed
      ? undefined
      : channel.doubt !== undefined
        ? "in-doubt"
        : chooseAssignment(
            { ...node, status },
            {
              ...channel,
              ...(override && { override }),
              engineAgeMs: 0,
              beatAgeMs: controller === undefined ? Number.POSITIVE_INFINITY : 0,
            },
            atMs,
            sha256,
          ).reason;
  return {
    ...node,
    ...(channel && { channel: channel.name }),
    hasSeveralChannels: found === "several",
    ...(override && { override }),
    rollouts,
    ...(reason !== undefined && { reason }),
  };
}

function placeInRollout(
  rollout: Rollout,
  node: FleetNode,
  { view, atMs }: FleetPicture,
  sha256: Sha256,
): NodeInRollout {
  const { spec, state } = rollout;
  const wave = findWave(spec, node, sha256);
  if (state.phase === "reverting") {
    const outcome = assessRevert(rollout, node, view, atMs);
    return { ...rollout, ...(wave !== undefined && { wave }), outcome };
  }
  const isReleased = wave !== undefined && state.phase !== "preflight" && wave <= state.wave;
  return {
    ...rollout,
    ...(wave !== undefined && { wave }),
    ...(isReleased && { outcome: assessNode(rollout, node, view, atMs) }),
  };
}

import { idOf } from "./assignment.ts";
import type { Mode, NodeStatus, Offer } from "./node-status.ts";
import { isFinal, isRefusal } from "./phase.ts";
import { listStrays, type Rollout } from "./rollout.ts";
import type { RolloutSpec } from "./rollout-spec.ts";

/** What the node was last sent, if that is this rollout's, in this attempt, of this mode. */
export function offerOf({ spec, state }: Rollout, { offer }: NodeStatus, mode: Mode): Offer | undefined {
  return offer?.id === idOf(spec.id, state.attempt, mode) ? offer : undefined;
}

/**
 * The node has said no to the new state in this attempt: in its preflight, to the assignment, or by going back later. It
 * is not asked again.
 */
export function hasRefused(rollout: Rollout, status: NodeStatus): boolean {
  const { spec, state } = rollout;
  const { preflight, refused, offer, running } = status;
  if (preflight?.rolloutId === spec.id && preflight.attempt === state.attempt && !preflight.ok) return true;
  const id = idOf(spec.id, state.attempt, "apply");
  if (refused.some((one) => one.assignmentId === id)) return true;
  if (offer?.id !== id) return false;
  return isRefusal(offer.phase) || (offer.phase === "soaked" && running?.digest !== spec.to.digest);
}

/** The node runs what a revert takes back, or may: it was told to, and has not said how that ended. */
export function mayRunNew(spec: RolloutSpec, { running, offer }: NodeStatus): boolean {
  if (running !== undefined && listStrays(spec).includes(running.digest)) return true;
  return (
    offer?.rolloutId === spec.id && (offer.mode === "apply" || offer.mode === "hold") && !isFinal(offer.phase)
  );
}

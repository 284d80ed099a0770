import { type NodeStatus, nameStream, type Offer } from "./node-status.ts";
import { isFinal } from "./phase.ts";
import type { RolloutSpec } from "./rollout-spec.ts";

type Deadline = Pick<RolloutSpec, "id" | "reportByMs">;

/** Said on the stream that the node has now. */
export function isOnThisStream({ connection }: NodeStatus, { sentOn }: Offer): boolean {
  return connection !== undefined && nameStream(connection) === sentOn;
}

/**
 * The stream is the node's own, the newest. Of any other, nothing is recorded and it is ended: there are two machines
 * with one id, or the node has come back before its old stream was seen to end.
 */
export function isNewestStream({ connection }: NodeStatus, server: string, stream: number): boolean {
  return connection?.server === server && connection.stream === stream;
}

/** The node should have answered by now. */
export function isOverdue({ reportByMs }: Deadline, { sentMs }: Offer, nowMs: number): boolean {
  return nowMs >= sentMs + reportByMs;
}

/** It counts against the cap: sent, not answered, and its answer is still to be expected. */
export function isInFlight(
  { id, reportByMs }: Deadline,
  offer: Offer | undefined,
  nowMs: number,
): offer is Offer {
  if (offer?.rolloutId !== id || (offer.mode !== "apply" && offer.mode !== "revert")) return false;
  return !isFinal(offer.phase) && nowMs < offer.resentMs + reportByMs;
}

/** How many tokens of the rollout a feed server has in use. */
export function countInFlight(
  spec: Deadline,
  statuses: Iterable<Pick<NodeStatus, "offer">>,
  server: string,
  nowMs: number,
): number {
  let count = 0;
  for (const { offer } of statuses) if (isInFlight(spec, offer, nowMs) && offer.owner === server) count++;
  return count;
}

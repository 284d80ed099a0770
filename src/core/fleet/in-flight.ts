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

/** So long a node is left alone that has said it is over, and does not run what it was to. */
const AGAIN_MS = 600_000;

/**
 * How what a node was told stands, while it does not run that: it is to answer on this stream, or it has answered a short
 * while ago. Undefined: it may be told, or told again. A node that has lost what it was given gets it back so, and one
 * that says well and does otherwise is not told in a loop.
 */
export function standingOf(
  status: NodeStatus,
  offer: Offer,
  nowMs: number,
): "under-way" | "answered" | undefined {
  if (!isOnThisStream(status, offer)) return undefined;
  if (!isFinal(offer.phase)) return "under-way";
  const { phaseMs = offer.resentMs } = offer;
  return nowMs < phaseMs + AGAIN_MS ? "answered" : undefined;
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

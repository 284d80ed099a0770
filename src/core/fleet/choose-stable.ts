import type { Assignment, Choice } from "./assignment.ts";
import { type Channel, stableFor } from "./channel.ts";
import { isOnThisStream, standingOf } from "./in-flight.ts";
import type { FleetNode, NodeStatus } from "./node-status.ts";
import { isFinal, isRefusal } from "./phase.ts";
import { countRefusals, stableId } from "./stable-id.ts";

/** For what is known to be good: nothing waits for the answer. */
export const STABLE_TIMES = { spreadMs: 60_000, soakMs: 60_000, reportByMs: 600_000 } as const;

/** A node that has nothing pulls from upstreams until this is over. */
const FIRST_SPREAD_MS = 5_000;

/** Between two tries with a state that a node has refused untouched, twice as long each time: on the same stream, */
const AGAIN_MS = 600_000;
/** and on another one, as after a restart of the agent. */
const RECONNECTED_MS = 60_000;
const MOST_AGAIN_MS = 6 * 3_600_000;

/**
 * Brings a node to the stable state of its channel. What it has tried and gone back from stays refused, whoever offers it,
 * until an operator says otherwise; what it has refused untouched is for something on the node to be mended, which nobody
 * tells the fleet.
 */
export function chooseStable(
  node: FleetNode,
  status: NodeStatus,
  name: string,
  channel: Channel,
  nowMs: number,
): Choice {
  const bundle = stableFor(channel, node);
  if (bundle === undefined) return { reason: "nothing-known" };
  if (status.running?.digest === bundle.digest) return { reason: "settled" };
  const { offer } = status;
  const isSaid = offer?.digest === bundle.digest && (offer.mode === "apply" || offer.mode === "revert");
  const refusals = countRefusals(status.refused, bundle.digest);
  const isOver = !isSaid || isFinal(offer.phase);
  const refused = refusals > 0 && isOver ? findRefusal(status, bundle.digest, refusals, nowMs) : undefined;
  if (refused !== undefined) return { reason: refused };
  const isWaitedOut = refusals > 0 && isRefusal(offer?.phase);
  const standing = isSaid && !isWaitedOut ? standingOf(status, offer, nowMs) : undefined;
  if (standing !== undefined) return { reason: standing };
  const idOfTry = (attempt: number): string => stableId(name, channel.generation, attempt);
  const isTrying = !isOver && offer.id === idOfTry(offer.attempt);
  const attempt = isTrying ? offer.attempt : refusals + 1;
  const assignment: Assignment = {
    id: idOfTry(attempt),
    wave: 0,
    attempt,
    mode: "apply",
    bundle: { digest: bundle.digest, serial: bundle.serial },
    ...STABLE_TIMES,
    ...(status.running === undefined && { spreadMs: FIRST_SPREAD_MS }),
    needsObserved: false,
    needsToken: false,
  };
  return { assignment, reason: "stable" };
}

/** Undefined: it may be asked again. */
function findRefusal(
  status: NodeStatus,
  digest: string,
  refusals: number,
  nowMs: number,
): "refused" | "refused-for-now" | undefined {
  const { offer, running } = status;
  const phase = offer?.digest === digest && isRefusal(offer.phase) ? offer.phase : undefined;
  // What has become of an older one is not kept: who has nothing of ours in force has nothing to lose.
  const isUntouched = phase === undefined ? running === undefined : phase === "rejected";
  if (!isUntouched) return "refused";
  if (offer === undefined) return undefined;
  const firstMs = isOnThisStream(status, offer) ? AGAIN_MS : RECONNECTED_MS;
  const waitMs = Math.min(MOST_AGAIN_MS, firstMs * 2 ** (refusals - 1));
  // Either way: a clock that was put back would hold it up for as long.
  return Math.abs(nowMs - (offer.phaseMs ?? offer.resentMs)) < waitMs ? "refused-for-now" : undefined;
}

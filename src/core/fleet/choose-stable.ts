import type { Assignment, Choice } from "./assignment.ts";
import { type Channel, stableFor } from "./channel.ts";
import { standingOf } from "./in-flight.ts";
import type { FleetNode, NodeStatus } from "./node-status.ts";

/** For what is known to be good: nothing waits for the answer. */
export const STABLE_TIMES = { spreadMs: 60_000, soakMs: 60_000, reportByMs: 600_000 } as const;

/** A node that has nothing pulls from upstreams until this is over. */
const FIRST_SPREAD_MS = 5_000;

/** Brings a node to the stable state of its channel. What a node has refused stays refused, whoever offers it. */
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
  if (status.refused.some(({ digest }) => digest === bundle.digest)) return { reason: "refused" };
  const { offer } = status;
  const isSaid = offer?.digest === bundle.digest && (offer.mode === "apply" || offer.mode === "revert");
  const standing = isSaid ? standingOf(status, offer, nowMs) : undefined;
  if (standing !== undefined) return { reason: standing };
  const assignment: Assignment = {
    id: `stable/${name}/${channel.generation}`,
    wave: 0,
    attempt: 1,
    mode: "apply",
    bundle: { digest: bundle.digest, serial: bundle.serial },
    ...STABLE_TIMES,
    ...(status.running === undefined && { spreadMs: FIRST_SPREAD_MS }),
    needsObserved: false,
    needsToken: false,
  };
  return { assignment, reason: "stable" };
}

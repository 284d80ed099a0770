import { type Choice, idOf, type Reason } from "./assignment.ts";
import type { NodeStatus } from "./node-status.ts";
import { isUntouched } from "./phase.ts";

/**
 * Where a node is to be left as it is, and has been told to apply something that it has not begun with: it is told not
 * to. Without this, a node that waits its part of the spread would begin after the halt.
 */
export function holdBack(status: NodeStatus, choice: Choice): Choice {
  const { offer, running } = status;
  if (choice.assignment !== undefined || !STOPS.has(choice.reason)) return choice;
  if (offer?.rolloutId === undefined || offer.mode !== "apply") return choice;
  if (!isUntouched(offer.phase) || running?.digest === offer.digest) return choice;
  const { rolloutId, attempt, digest, serial } = offer;
  const assignment = {
    id: idOf(rolloutId, attempt, "hold"),
    rolloutId,
    wave: 0,
    attempt,
    mode: "hold",
    bundle: { digest, serial },
    spreadMs: 0,
    soakMs: 0,
    reportByMs: 0,
    needsObserved: false,
    needsToken: false,
  } as const;
  return { assignment, reason: choice.reason };
}

const STOPS: ReadonlySet<Reason> = new Set(["settled", "nothing-known", "halted", "pinned-by-fleet"]);

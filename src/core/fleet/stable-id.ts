import type { Refused } from "./node-status.ts";

/** Of the assignment that brings a node to the stable state. Nodes give the same answer to the same id: each try has its own. */
export function stableId(channel: string, generation: number, attempt: number): string {
  const id = `${STABLE}${channel}/${generation}`;
  return attempt === 1 ? id : `${id}/${attempt}`;
}

const STABLE = "stable/";

/** How often a node has said no to this state, as far as that is known; a rollout counts for one. */
export function countRefusals(refused: readonly Refused[], digest: string): number {
  const tries = refused
    .filter((one) => one.digest === digest)
    .map(({ assignmentId }) => {
      const [, , , attempt] = assignmentId.startsWith(STABLE) ? assignmentId.split("/") : [];
      return Math.max(1, Math.min(Number(attempt ?? 1) || 1, MOST_TRIES));
    });
  return Math.max(0, ...tries);
}

const MOST_TRIES = 1_000_000;

/** Of several tries with the stable state one says all, so that they do not push out what rollouts were answered. */
export function isSameRefusal(one: Refused, other: Refused): boolean {
  if (one.digest !== other.digest) return false;
  const areStable = one.assignmentId.startsWith(STABLE) && other.assignmentId.startsWith(STABLE);
  return areStable || one.assignmentId === other.assignmentId;
}

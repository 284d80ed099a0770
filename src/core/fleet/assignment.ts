import type { Bundle } from "./bundle.ts";
import type { Mode } from "./node-status.ts";

/** What a node should do now. The same `id` is the same thing to do, whoever says it and however often. */
export interface Assignment {
  readonly id: string;
  /** Absent: the channel's stable state, or a pin of the fleet's. */
  readonly rolloutId?: string;
  readonly wave: number;
  readonly attempt: number;
  readonly mode: Mode;
  /** For a hold: what is not to be applied. */
  readonly bundle: Bundle;
  readonly spreadMs: number;
  readonly soakMs: number;
  readonly reportByMs: number;
  /** SOAKED waits for a pull from each registry that changed: the desired state's canaries, or what pods pull. */
  readonly needsObserved: boolean;
  /** It may only be sent with a token of the rollout: it counts as in flight until its answer. */
  readonly needsToken: boolean;
}

/** Why a node is told what it is told. */
export type Reason =
  /** The node runs what it should. */
  | "settled"
  | "stable"
  | "preflight"
  | "wave"
  | "revert"
  /** An operator of the fleet says so, for this node. */
  | "pinned-by-fleet"
  /** An operator on the node has pinned what runs. */
  | "pinned-on-node"
  /** It has been told, and has not answered yet. */
  | "under-way"
  /** It has answered a short while ago, and does not run what it said: it is told again later, or on another connection. */
  | "answered"
  /** Two rollouts want it; neither gets it. */
  | "overlapping-rollouts"
  /** It has said no to this assignment, or has taken it back: that is not asked twice. */
  | "refused"
  /** It has refused the stable state untouched, and is asked again later. */
  | "refused-for-now"
  | "halted"
  | "paused"
  | "out-of-window"
  /** Frozen: the controller has not been heard for too long. */
  | "controller-silent"
  /** Frozen: this server's clock and the controller's are too far apart. */
  | "clock-off"
  /** Frozen: this server may not know the newest state of the fleet. */
  | "engine-stale"
  /** It has not answered in time: another connection is waited for. */
  | "silent"
  /** A record of its channel cannot be read. */
  | "in-doubt"
  /** The channel has nothing for it. */
  | "nothing-known";

export interface Choice {
  /** Absent: nothing is said, and the node goes on as it does. */
  readonly assignment?: Assignment;
  readonly reason: Reason;
}

export function idOf(rolloutId: string, attempt: number, mode: Mode): string {
  return `${rolloutId}/${attempt}/${mode}`;
}

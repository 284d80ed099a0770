import type { Channel } from "./channel.ts";
import type { FleetNode } from "./node-status.ts";
import type { RolloutState } from "./rollout-state.ts";

/** What a rollout waits for. */
export type WaitCode =
  | "preflight"
  | "nobody-connected"
  | "class-untried"
  | "wave"
  /** For nodes without a connection, as `offline` says. */
  | "offline"
  | "baking"
  | "unproven"
  | "away"
  | "paused"
  | "out-of-window"
  /** Done, and the channel cannot keep another part with a state of its own. */
  | "no-room"
  | "halted"
  | "reverting"
  | "ended";

/** One write, fenced by the controller's leadership and the state it was made from; or nothing yet. */
export type Decision =
  | { readonly kind: "write"; readonly state: RolloutState; readonly channel?: Channel }
  | { readonly kind: "wait"; readonly code: WaitCode };

/** The wave of each node: `findWave`, perhaps remembered. */
export type WaveOf = (node: FleetNode) => number | undefined;

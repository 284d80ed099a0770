import type { Counts } from "./assess-wave.ts";
import type { NodeSource } from "./node-status.ts";
import type { ErrorGroup, RolloutState } from "./rollout-state.ts";

/** A fleet at one moment: sums first, then what differs, with some names each. Its size does not grow with the fleet. */
export interface FleetSummary {
  readonly atMs: number;
  readonly total: number;
  readonly connected: number;
  /** Were seen, and have no stream now. */
  readonly gone: number;
  /** In the inventory alone. */
  readonly unseen: number;
  /** The most frequent first; the last one may be `others`, of all the rest. */
  readonly running: readonly RunningCount[];
  readonly sources: Readonly<Record<NodeSource, number>>;
  readonly agents: readonly VersionCount[];
  readonly containerds: readonly VersionCount[];
  /** Those that go on first, then the newest. */
  readonly rollouts: readonly RolloutSummary[];
  /** The worst first. */
  readonly differences: readonly Difference[];
}

export interface RunningCount {
  /** Absent: nothing of ours. */
  readonly digest?: string;
  readonly serial?: number;
  readonly nodes: number;
  readonly isOthers?: true;
}

export interface VersionCount {
  readonly version: string;
  readonly nodes: number;
}

export interface RolloutSummary {
  readonly id: string;
  readonly channel: string;
  readonly toDigest: string;
  readonly toSerial: number;
  readonly state: RolloutState;
  /** In preflight: how many have answered well, have not, are still to answer. */
  readonly preflight?: { readonly ok: number; readonly failed: number; readonly pending: number };
  readonly waves: readonly WaveSummary[];
  /** Done, and all who could be. Absent where it has ended. */
  readonly progress?: { readonly done: number; readonly of: number };
}

export interface WaveSummary {
  readonly name: string;
  readonly members: number;
  readonly isReleased: boolean;
  /** Of a released wave; while it goes back: of going back. */
  readonly counts?: Counts;
}

export type DifferenceKind =
  | "failed"
  | "lost"
  | "cloned"
  | "unwell"
  | "other-state"
  | "drifted"
  | "several-channels"
  | "no-channel"
  | "pinned-on-node"
  | "pinned-by-fleet"
  | "gone"
  | "unseen";

export interface Difference {
  readonly kind: DifferenceKind;
  readonly count: number;
  /** The first ones by name. */
  readonly nodes: readonly string[];
  /** What they say, where they say something. */
  readonly errors: readonly ErrorGroup[];
}

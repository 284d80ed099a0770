import type { Selector } from "../signing/selector.ts";
import type { Bundle } from "./bundle.ts";
import type { Window } from "./windows.ts";

/** What a rollout is. Written once, never changed: what changes is its RolloutState. */
export interface RolloutSpec {
  readonly id: string;
  readonly channel: string;
  /** What the channel had when this began; absent: nothing, and then there is nothing to go back to. */
  readonly from?: Bundle;
  readonly to: Bundle;
  readonly scope: Selector;
  /** Nodes with the same value of this label are of one class: each class is tried from the first waves on. */
  readonly classLabel: string;
  readonly preflight: Preflight;
  /** The last one takes all that are left. */
  readonly waves: readonly Wave[];
  /** hold: nodes that have `to` keep it, nobody else gets it · revert: they get `from` back. */
  readonly onHalt: "hold" | "revert";
  /** What nodes without a connection mean to their wave: skip: nothing · wait: it is not done without them. */
  readonly offline: "skip" | "wait";
  /** Over which nodes spread what they are told, so that not all ask their mirror at once. */
  readonly spreadMs: number;
  /** From APPLIED to SOAKED. */
  readonly soakMs: number;
  /** From the assignment to its final answer; past it, a node is silent. At least spread and soak together. */
  readonly reportByMs: number;
  readonly windows: readonly Window[];
  /** Halted rollouts that end with this one; nodes that run what they brought are left alone until their wave. */
  readonly supersedes: readonly Superseded[];
  readonly createdMs: number;
  readonly createdBy: string;
}

export interface Superseded {
  readonly id: string;
  /** Of its `to`. */
  readonly digest: string;
}

/** Would it work? Asked of every node before one is touched. */
export interface Preflight {
  readonly nodes: "all" | "none";
  /** This many may say no, or say nothing. Who says no is not told to apply, and counts as failed in its wave. */
  readonly maxFailed: number;
  readonly reportByMs: number;
}

export interface Wave {
  readonly name: string;
  readonly pick: WavePick;
  /** Nodes that have an assignment and no final answer yet, at once; never less than in the wave before. */
  readonly maxInFlight: number;
  /** The share of nodes, 0 to 1, that has to be SOAKED. */
  readonly minDone: number;
  /** This many may fail, or this part of them, whichever is more. */
  readonly maxFailed: number;
  readonly maxFailedPct: number;
  /** This part may be silent. */
  readonly maxSilentPct: number;
  /** From done to the next wave. */
  readonly bakeMs: number;
  /** A wave in which nothing was pulled bakes on, for this long at most; then the rollout halts. */
  readonly maxBakeMs: number;
  /** none · one: each registry that changed was pulled from at one node at least · every: at each node. */
  readonly evidence: "none" | "one" | "every";
}

/** Who is in a wave, of those that are in no wave before it. */
export type WavePick =
  | { readonly kind: "nodes"; readonly nodes: readonly string[] }
  | { readonly kind: "labels"; readonly labels: Readonly<Record<string, readonly string[]>> }
  | {
      readonly kind: "percent";
      /** Of the scope, the waves before included. */
      readonly percent: number;
      /**
       * By class: nodes whose place (`placeNode`) is below are in. Counted out when the rollout was made, so that each
       * class has its exact part, rounded up; a class that is not here goes by `percent`.
       */
      readonly cuts?: Readonly<Record<string, number>>;
    };

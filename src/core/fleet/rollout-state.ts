/** Where a rollout is. One value, changed by compare-and-swap: advancing, halting and pausing are one write each. */
export interface RolloutState {
  readonly phase: RolloutPhase;
  /** The newest wave that is released; those before it are too. Meaningless in preflight. */
  readonly wave: number;
  /** When this wave, or this phase, began. */
  readonly startedMs: number;
  /** Since when enough of the wave are done. */
  readonly bakingMs?: number;
  /** Counts from 1; another one asks nodes again that had refused. */
  readonly attempt: number;
  readonly paused?: Deed;
  /** In an emergency: short bakes, no windows. Canaries and caps stay. */
  readonly expedited?: Deed;
  /** Why it stopped; kept when it goes back or on. */
  readonly halted?: Halt;
  /** Nodes that could not be taken back. */
  readonly left?: Evidence;
  /** Of the channel, as the end of this rollout has written it. */
  readonly generation?: number;
}

/**
 * preflight → waves → done. From both: → halted, by itself or by an operator; halted → waves (resume), → reverting
 * → reverted, → superseded. done, reverted and superseded are ends.
 */
export type RolloutPhase =
  | "preflight"
  | "waves"
  | "halted"
  | "reverting"
  | "done"
  | "reverted"
  | "superseded";

export const ROLLOUT_PHASES: readonly [RolloutPhase, ...RolloutPhase[]] = [
  "preflight",
  "waves",
  "halted",
  "reverting",
  "done",
  "reverted",
  "superseded",
];

/** What an operator did. */
export interface Deed {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

export const HALT_CODES = [
  "operator",
  "preflight-failed",
  "preflight-empty",
  "too-many-failed",
  "too-many-silent",
  "too-few-done",
  "class-untried",
  "unproven",
] as const;

export type HaltCode = (typeof HALT_CODES)[number];

export interface Halt {
  readonly code: HaltCode;
  /** One sentence: what happened, of how many. */
  readonly message: string;
  readonly atMs: number;
  /** Absent: in preflight. */
  readonly wave?: number;
  readonly evidence: Evidence;
  /** All who had been told have answered since, and `evidence` is of all of them. */
  readonly isWhole?: true;
}

/** What the nodes say that did not do well. */
export interface Evidence {
  /** The first of each code, the most frequent code first. */
  readonly errors: readonly ErrorGroup[];
  /** Some of them, and how many there are. */
  readonly nodes: readonly string[];
  readonly count: number;
  /** What they have in common and others have not. */
  readonly factors: readonly Factor[];
}

export interface ErrorGroup {
  readonly code: string;
  readonly count: number;
  readonly node: string;
  readonly message: string;
  /** Host namespace or mirror. */
  readonly item?: string;
}

/** `class` = `gpu`: `unwell` of `unwellOf` that did badly, `well` of `wellOf` that did well, or had not failed yet. */
export interface Factor {
  /** A label, `containerd` or `agent`. */
  readonly name: string;
  readonly value: string;
  readonly unwell: number;
  readonly unwellOf: number;
  readonly well: number;
  readonly wellOf: number;
}

export const NO_EVIDENCE: Evidence = { errors: [], nodes: [], count: 0, factors: [] };

/** Nothing of it is handed out any more, and it stands in nobody's way. */
export function isEnded({ phase }: Pick<RolloutState, "phase">): boolean {
  return phase === "done" || phase === "reverted" || phase === "superseded";
}

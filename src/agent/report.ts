import type { WatchedRegistry } from "../core/evidence/evidence-report.ts";
import type { Issue } from "../core/issue.ts";
import type { TracingState } from "../core/plan/node-plan.ts";
import type { Conflict } from "../core/plan/plan-certs.ts";
import type { SignedRecord } from "./signed-record.ts";

/**
 * unchanged: nothing to do · applied: a new desired state is in force · repaired: drift was undone ·
 * deferred: waiting (restart budget, mirror, containerd not installed) · rejected: the desired state was not put
 * in place and the last good one stands · rolled-back: it was, and was taken back · failed: an effect failed.
 */
export type PassOutcome =
  | "unchanged"
  | "applied"
  | "repaired"
  | "deferred"
  | "rejected"
  | "rolled-back"
  | "failed"
  | "frozen";

export const PASS_OUTCOMES: readonly PassOutcome[] = [
  "unchanged",
  "applied",
  "repaired",
  "deferred",
  "rejected",
  "rolled-back",
  "failed",
  "frozen",
];

/**
 * Ready: what is wanted is in force. Reconciling: on the way. Stalled: retrying the same input is pointless.
 * Expired: what is in force was signed until a time that is over; it stays in force. Pinned: an operator of the node has
 * said that what is in force stays. All but Ready are present only while true.
 */
export type ConditionType =
  | "Ready"
  | "Reconciling"
  | "Stalled"
  | "RolledBack"
  | "Degraded"
  | "Contested"
  | "Frozen"
  | "Expired"
  | "Pinned";

export const CONDITION_TYPES: readonly ConditionType[] = [
  "Ready",
  "Reconciling",
  "Stalled",
  "RolledBack",
  "Degraded",
  "Contested",
  "Frozen",
  "Expired",
  "Pinned",
];

export interface Condition {
  readonly type: ConditionType;
  readonly message: string;
}

/**
 * What kind of effect failed, where the outcome is `failed`: codes of HostError, of which the ones that need a person or
 * that tell a disk's trouble have a name of their own.
 */
export const FAILURE_KINDS = [
  "no-space",
  "io",
  "read-only",
  "denied",
  "busy",
  "other-device",
  "too-many-files",
  "interrupted",
  "changed",
  "other",
] as const;

export type FailureKind = (typeof FAILURE_KINDS)[number];

/** A changed file as a unified diff, cut where it is very long. */
export interface ShownChange {
  readonly path: string;
  readonly diff: string;
}

/** What one pass did and how the node stands after it. Holds no secret. */
export interface PassReport {
  readonly outcome: PassOutcome;
  /** Generation wanted now; 0 when the desired state could not be read. */
  readonly generation: number;
  /** Undefined unless the outcome is `failed`. */
  readonly failure?: FailureKind;
  /** Generation in force. */
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly issues: readonly Issue[];
  readonly conflicts: readonly Conflict[];
  /** Owned paths that somebody else changed and that this pass put right, with a diff. */
  readonly drift: readonly ShownChange[];
  /** What was done, a line each. */
  readonly done: readonly string[];
  /** What the files that this pass changed look like now, for people: the first ones, as diffs without secrets. */
  readonly changed?: readonly ShownChange[];
  readonly restarts: readonly { readonly reason: string; readonly outcome: "ok" | "failed" }[];
  /** True when every file we own is as wanted. */
  readonly inSync: boolean;
  readonly appliedMs?: number;
  readonly containerdVersion?: string;
  /** Who has signed what is in force, and until when; undefined: nobody. */
  readonly signed?: SignedRecord;
  /** The feed's document that this pass was to bring into force; undefined: it had none, or did not get so far. */
  readonly asked?: {
    readonly digest: string;
    readonly isInForce: boolean;
    /** containerd is still watched for a change, and may yet be taken back. */
    readonly isOnTrial: boolean;
  };
  /** What is in force now; undefined when this pass did not get so far. */
  readonly registries?: readonly WatchedRegistry[];
  /** Whether containerd tells about its pulls; undefined when this pass did not get so far. */
  readonly tracing?: TracingReport;
  /** Canaries of what is in force now; undefined when this pass did not get so far. */
  readonly canaries?: readonly string[];
  /** Host directories that hold files of ours. */
  readonly ownedDirectories: readonly string[];
  /** Files the desired state names (CAs, credentials); a change of theirs is a change of it. */
  readonly inputs: readonly string[];
  readonly durationMs: number;
  /** When to try again without being asked; undefined: at the next trigger or resync. */
  readonly retryMs?: number;
}

export interface TracingReport {
  readonly state: TracingState;
  /** One sentence for a person: what is, or why not. */
  readonly message: string;
}

export function isReady(report: Pick<PassReport, "conditions">): boolean {
  return report.conditions.some((condition) => condition.type === "Ready");
}

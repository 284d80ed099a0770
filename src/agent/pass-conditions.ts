import type { NodePlan } from "../core/plan/node-plan.ts";
import { tracesTakenBack } from "../core/plan/tracing-issues.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import type { ApplyRecord, PendingRestart } from "./apply-record.ts";
import type { Choice } from "./choose-desired-state.ts";
import { describeGeneration } from "./describe-generation.ts";
import { type Contest, describeContest } from "./drift.ts";
import type { Condition } from "./report.ts";

export interface Standing {
  readonly choice: Choice;
  readonly plan: NodePlan;
  readonly contests: readonly Contest[];
  readonly record: ApplyRecord;
  /** config.toml needs bytes that failed on this node before. */
  readonly failedBefore: boolean;
  /** The node's clock. */
  readonly nowMs: number;
}

/** How the node stands once the steps of a plan are done. */
export function conditionsOf(standing: Standing): readonly Condition[] {
  const { choice, contests, record } = standing;
  const stalled = stalledBecause(standing);
  const conditions: readonly Condition[] = [
    ...contests.map((contest): Condition => ({ type: "Contested", message: describeContest(contest) })),
    ...(stalled.length === 0 ? [] : [{ type: "Stalled", message: stalled.join("; ") } as const]),
    ...rolledBack(choice, record),
    ...(record.pendingRestart === undefined ? [] : [pending(record.pendingRestart)]),
  ];
  const others = [
    ...expired(standing),
    ...tracesCondition(record),
    ...(choice.kept?.type === "Pinned" ? [choice.kept] : []),
  ];
  // Mirrors are in force without traces, too.
  const isReady = conditions.length === 0 && record.tracesQuarantine?.degraded !== true;
  return [...(isReady ? [READY] : conditions), ...others];
}

/** What is in force stays so: nothing new comes in behind it any more, and that nobody may have noticed. */
function expired({ choice, record, nowMs }: Standing): readonly Condition[] {
  const isOther = choice.rejection !== undefined || choice.kept !== undefined;
  const expiresMs = isOther ? record.signed?.expiresMs : choice.verified?.state.expiresMs;
  if (expiresMs === undefined || nowMs < expiresMs) return [];
  const message = `what is in force was signed until ${time(expiresMs)}, and this node's clock says ${time(nowMs)}: it stays in force, and has to be signed anew`;
  return [{ type: "Expired", message }];
}

const READY: Condition = { type: "Ready", message: "the desired state is in force" };

function pending({ config, traces }: PendingRestart): Condition {
  const traceFiles = (traces?.files ?? []).map(({ place }) => place.path);
  const names = [...(config === undefined ? [] : ["config.toml"]), ...traceFiles];
  const [are, them] = names.length === 1 ? ["is", "it"] : ["are", "them"];
  const message = `${names.join(" and ")} ${are} written, but containerd has not been restarted on ${them} yet`;
  return { type: "Reconciling", message };
}

/** A switch of traces that was tried and taken back. */
function tracesCondition({ tracesQuarantine }: ApplyRecord): readonly Condition[] {
  if (tracesQuarantine?.takenBack !== true) return [];
  return takenBack(tracesTakenBack(tracesQuarantine.message), tracesQuarantine.degraded);
}

/** The condition of a node on which the wanted state was tried and taken back. */
export function rolledBack(choice: Choice, { quarantine }: ApplyRecord): readonly Condition[] {
  if (!choice.quarantined || quarantine === undefined) return [];
  const message = `${describeGeneration(quarantine.generation)} was taken back: ${quarantine.message}`;
  return takenBack(message, quarantine.degraded);
}

/** `degraded`: containerd is not well on what was there before either. */
export function takenBack(message: string, degraded: boolean): readonly Condition[] {
  const rolled: Condition = { type: "RolledBack", message };
  return degraded ? [rolled, { type: "Degraded", message: `${message}; ${DEGRADED_ADVICE}` }] : [rolled];
}

const DEGRADED_ADVICE =
  "containerd is not well without the change either, and pulls may fail: see its journal, mend it and restart it; mirrorlet goes on once it is well";

function stalledBecause({ choice, plan, failedBefore }: Standing): readonly string[] {
  return [
    ...(choice.rejection === undefined ? [] : [choice.rejection]),
    ...(failedBefore ? ["config.toml needs a change that already failed on this node"] : []),
    ...plan.problems.map(({ namespace, reason }) => `${namespace}: ${reason}`),
    ...plan.conflicts.map(
      ({ namespace, path, reason }) =>
        `${namespace}: ${path} ${reason}, so it is left as it is: remove it, or run mirrorlet apply --adopt`,
    ),
    ...plan.issues.filter((issue) => issue.severity === "error").map((issue) => issue.message),
  ];
}

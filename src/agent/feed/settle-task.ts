import type { EvidenceReport } from "../../core/evidence/evidence-report.ts";
import type { RestartEntry } from "../apply-record.ts";
import type { PassReport } from "../report.ts";
import type { Applied, Task } from "./feed-memory.ts";
import type { FeedError } from "./feed-messages.ts";
import { judgePass, type PassJudgement } from "./judge-pass.ts";
import { judgeSoak } from "./judge-soak.ts";
import { tryingTimeMs } from "./trying-time.ts";

/** What follows for an assignment that is under way. */
export type Move =
  | { readonly kind: "wait" }
  /** It waits for something that can be named. */
  | { readonly kind: "held"; readonly error: FeedError }
  /** It has come into force just now. */
  | { readonly kind: "applied" }
  /** Pulls have shown more than before; or the soak begins anew. */
  | { readonly kind: "note"; readonly applied: Applied; readonly isObserved: boolean }
  /** It is over, and the node runs what it is to run from now on. */
  | {
      readonly kind: "finish";
      readonly phase: "soaked" | "rejected" | "failed" | "reverted";
      readonly error?: FeedError;
    }
  /** It is in force, in whole or in part, and is to be taken back. */
  | { readonly kind: "take-back"; readonly phase: "failed" | "reverted"; readonly error: FeedError };

export interface SettleFacts {
  /** Of a pass since the assignment began; undefined: none is over yet. */
  readonly report: PassReport | undefined;
  readonly evidence: Pick<EvidenceReport, "registries">;
  readonly now: RestartEntry;
}

/** Where an assignment stands, as a function of what passes and pulls have shown. */
export function settleTask(task: Task, facts: SettleFacts): Move {
  const judgement = facts.report && judgePass(task.digest, facts.report);
  if (task.ending !== undefined) return settleEnding(task, task.ending, facts);
  return task.applied === undefined
    ? settleBefore(task, judgement, facts)
    : settleSoak(task, task.applied, judgement, facts);
}

function settleBefore(task: Task, judgement: PassJudgement | undefined, { report, now }: SettleFacts): Move {
  const isLate = isOver(task.began, tryingTimeMs(task), now);
  switch (judgement?.kind) {
    case "in-force":
      return { kind: "applied" };
    case "rejected":
      return { kind: "finish", phase: "rejected", error: judgement.error };
    case "failed":
      return judgement.isInForce
        ? { kind: "take-back", phase: "failed", error: judgement.error }
        : { kind: "finish", phase: "failed", error: judgement.error };
    default: {
      const error = judgement?.error ?? { code: "no-pass", message: "no pass has been made for it yet" };
      if (!isLate) return judgement === undefined ? { kind: "wait" } : { kind: "held", error };
      return giveUp(
        { ...error, retriable: true },
        report?.asked?.digest === task.digest && report.asked.isInForce,
      );
    }
  }
}

function giveUp(error: FeedError, isInForce: boolean): Move {
  if (isInForce) return { kind: "take-back", phase: "failed", error };
  return { kind: "finish", phase: error.code === "preflight" ? "rejected" : "failed", error };
}

function settleSoak(
  task: Task,
  applied: Applied,
  judgement: PassJudgement | undefined,
  { report, evidence, now }: SettleFacts,
): Move {
  const isTakenBack = report?.conditions.some(({ type }) => type === "RolledBack") === true;
  if (isTakenBack && judgement !== undefined && judgement.kind !== "in-force")
    return { kind: "finish", phase: "reverted", error: judgement.error };
  if (judgement?.kind === "failed" && judgement.error.code === "containerd-unwell")
    return { kind: "take-back", phase: "reverted", error: judgement.error };
  const { observed, failure } = judgeSoak(applied, evidence);
  if (failure !== undefined) return { kind: "take-back", phase: "reverted", error: failure };
  // How long it has been in force cannot be told over a reboot: it soaks anew.
  if (applied.bootId !== now.bootId)
    return { kind: "note", applied: { ...applied, ...now, observed }, isObserved: false };
  const isObserved = applied.changed.every((namespace) => Object.hasOwn(observed, namespace));
  const isNew = Object.keys(observed).length > Object.keys(applied.observed).length;
  const isNews = isObserved && !applied.isToldObserved && applied.changed.length > 0;
  if (isNew || isNews)
    return {
      kind: "note",
      applied: { ...applied, observed, isToldObserved: applied.isToldObserved || isNews },
      isObserved: isNews,
    };
  const isUndecided = judgement?.kind === "waiting" || report?.asked?.isOnTrial === true;
  const isSoaked = isOver(applied, task.soakMs, now) && !isUndecided;
  return isSoaked && (isObserved || !task.needsObserved)
    ? { kind: "finish", phase: "soaked" }
    : { kind: "wait" };
}

/** For so long a pass that takes something back is waited for; what it could not do is told by the state. */
const ENDING_MS = 600_000;

function settleEnding(
  task: Task,
  { phase, error }: NonNullable<Task["ending"]>,
  { report, now }: SettleFacts,
): Move {
  const isBack = report !== undefined && hasGoneBack(task, report);
  if (!isBack && !isOver(task.began, ENDING_MS + task.reportByMs, now)) return { kind: "wait" };
  return { kind: "finish", phase: phase === "reverted" ? "reverted" : "failed", error };
}

/** A pass that waits, or that refuses what was there before, has left in force what is to be taken back. */
function hasGoneBack({ digest }: Task, { asked, outcome }: PassReport): boolean {
  if (asked !== undefined) return asked.digest !== digest && asked.isInForce;
  return !["failed", "frozen", "deferred", "rejected"].includes(outcome);
}

/** Of another boot: what began then is over. */
function isOver(since: RestartEntry, ms: number, now: RestartEntry): boolean {
  return since.bootId !== now.bootId || now.uptimeMs - since.uptimeMs >= ms;
}

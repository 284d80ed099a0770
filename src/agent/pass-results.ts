import { tracesTakenBack } from "../core/plan/tracing-issues.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { ConfigOutcome, TakenBack } from "./config-change.ts";
import { rolledBack, takenBack } from "./pass-conditions.ts";
import type { PassResult } from "./pass-context.ts";
import { type Clock, HostError } from "./ports.ts";
import { FAILURE_KINDS, type FailureKind } from "./report.ts";
import { restartWaitMs } from "./restart-budget.ts";

/** With this file present mirrorlet changes nothing at all. */
export const FREEZE_PATH = "/etc/mirrorlet/freeze";

const RETRY_MS = 5_000;
const NO_CONTAINERD_RETRY_MS = 15_000;

export function frozen(): PassResult {
  const message = `nothing is changed while ${FREEZE_PATH} exists: remove it to go on`;
  return { outcome: "frozen", conditions: [{ type: "Frozen", message }] };
}

export function noContainerd(binary: string): PassResult {
  const message = `${binary} --version does not answer: nothing is written until it is known which containerd will read it`;
  return {
    outcome: "deferred",
    conditions: [{ type: "Reconciling", message }],
    retryMs: NO_CONTAINERD_RETRY_MS,
  };
}

/** A change of config.toml and traces was taken back: the next pass makes it without them. */
export function withoutTraces(
  { kind, message }: Pick<Extract<ConfigOutcome, TakenBack>, "kind" | "message">,
  { restarts }: ApplyRecord,
  clock: Clock,
): PassResult {
  const told = tracesTakenBack(message);
  const rolled = takenBack(told, kind === "degraded");
  if (kind === "degraded") return { outcome: "rolled-back", conditions: rolled };
  const waitMs = restartWaitMs(restarts, clock);
  const next = `config.toml is changed without traces in ${Math.ceil(waitMs / 1000)} s`;
  return {
    outcome: "rolled-back",
    conditions: [...rolled, { type: "Reconciling", message: next }],
    retryMs: Math.max(waitMs, 100),
    tracing: { state: "unavailable", message: told },
  };
}

export function deferred(waitMs: number): PassResult {
  const seconds = Math.ceil(waitMs / 1000);
  const message = `containerd must be restarted, and the restart budget (2 a minute, 6 an hour, one kept for a rollback; none while the one before is watched, two minutes) allows it in ${seconds} s`;
  return {
    outcome: "deferred",
    conditions: [{ type: "Reconciling", message }],
    retryMs: Math.max(waitMs, 100),
  };
}

/** Originals cannot be kept, so nothing at all is written: half a plan is none. */
export function unkept(message: string): PassResult {
  return { outcome: "failed", failure: "other", conditions: [{ type: "Stalled", message }] };
}

/** Nothing was ever applied and nothing can be now. */
export function withoutState(choice: Choice, record: ApplyRecord): PassResult {
  if (choice.kept !== undefined)
    return { outcome: "deferred", conditions: [choice.kept], issues: choice.issues, inSync: true };
  return {
    outcome: "rejected",
    conditions: [
      { type: "Stalled", message: choice.rejection ?? "there is no desired state" },
      ...rolledBack(choice, record),
    ],
    issues: choice.issues,
    inSync: true,
    ...(choice.retryMs === undefined ? {} : { retryMs: choice.retryMs }),
  };
}

export function failed(error: unknown): PassResult {
  if (error instanceof HostError && error.code === "frozen") return frozen();
  const message = error instanceof Error ? error.message : String(error);
  const retryable = error instanceof HostError ? error.retryable : true;
  return {
    outcome: "failed",
    failure: kindOf(error),
    conditions: [{ type: retryable ? "Reconciling" : "Stalled", message }],
    ...(retryable ? { retryMs: RETRY_MS } : {}),
  };
}

function kindOf(error: unknown): FailureKind {
  const code = error instanceof HostError ? error.code : "other";
  return FAILURE_KINDS.find((kind) => kind === code) ?? "other";
}

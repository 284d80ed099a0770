import type { ApplyRecord, Trial } from "./apply-record.ts";
import type { ConfigContext } from "./config-change.ts";
import { complaintOf } from "./health-gate.ts";
import type { Clock, UnitState } from "./ports.ts";
import { rollBack } from "./restart-and-gate.ts";
import { restartWaitMs } from "./restart-budget.ts";
import { enterPhase } from "./settle-restart.ts";
import { stateOfTraces } from "./write-traces.ts";

/** For so long after the gate a change answers for what becomes of containerd. */
export const TRIAL_MS = 120_000;
/** How often containerd is looked at meanwhile. */
export const TRIAL_POLL_MS = 2_000;
/** A daemon that runs and does not answer may be busy; for so long it is not. */
const UNWELL_MS = 30_000;

/** Milliseconds until the trial of the newest change is over; 0: there is none, or it was before this boot. */
export function trialLeftMs({ trial }: Pick<ApplyRecord, "trial">, clock: Clock): number {
  if (trial?.began.bootId !== clock.bootId) return 0;
  return Math.max(0, trial.began.uptimeMs + TRIAL_MS - clock.uptimeMs());
}

/** Milliseconds until containerd may be restarted for another change; 0: now. One change is on trial at a time. */
export function changeWaitMs(record: Pick<ApplyRecord, "restarts" | "trial">, clock: Clock): number {
  return Math.max(restartWaitMs(record.restarts, clock), trialLeftMs(record, clock));
}

/**
 * Looks at a containerd whose change has passed the gate. When it ends by itself, or stops answering, within the trial,
 * all is put back as by a gate that failed: once, with one restart, and what failed goes into quarantine. Somebody's own
 * restart or stop is not held against the change, nor is anything after others have changed the files or the binary.
 */
export async function reviewTrial(
  record: ApplyRecord,
  versionText: string,
  context: ConfigContext,
): Promise<ApplyRecord> {
  const { ports, state, mayRestart } = context;
  const { trial } = record;
  if (trial === undefined || !mayRestart) return record;
  if (trialLeftMs(record, ports.clock) === 0 || trial.version !== versionText)
    return endTrial(record, context);
  if (!(await isInPlace(trial, context))) return endTrial(record, context);
  const found = await look(trial, context);
  if ("failure" in found) return giveUp(record, trial, found.failure, context);
  if (found.unwellMs === trial.unwellMs) return record;
  const { unwellMs: _before, ...rest } = trial;
  const next = {
    ...record,
    trial: { ...rest, ...(found.unwellMs === undefined ? {} : { unwellMs: found.unwellMs }) },
  };
  await state.saveRecord(next);
  return next;
}

/** What was kept to take the change back is of no use any more. */
async function endTrial(record: ApplyRecord, { state }: ConfigContext): Promise<ApplyRecord> {
  const over = withoutTrial(record);
  await state.saveRecord(over);
  await state.saveFormerGood(undefined);
  return over;
}

type Found = { readonly failure: string } | { readonly unwellMs: number | undefined };

async function look(trial: Trial, { ports, signal }: ConfigContext): Promise<Found> {
  const { containerd, clock } = ports;
  const unit = await containerd.unitState();
  const end = unit && endOf(unit, trial);
  if (end !== undefined) return { failure: failure(trial, clock, end) };
  if (unit?.is === "stopped" || unit?.is === "changing") return { unwellMs: undefined };
  const health = await containerd.health(signal);
  // What cannot be asked now has neither got better nor worse.
  if (health.unknown === true) return { unwellMs: trial.unwellMs };
  const complaint = complaintOf(health);
  if (complaint === undefined) return { unwellMs: undefined };
  const unwellMs = trial.unwellMs ?? clock.uptimeMs();
  if (clock.uptimeMs() - unwellMs < UNWELL_MS) return { unwellMs };
  return { failure: failure(trial, clock, `has not been well for ${UNWELL_MS / 1000} s: ${complaint}`) };
}

function endOf({ is, restarts, message }: UnitState, trial: Trial): string | undefined {
  if (is !== "failed" && is !== "dying" && restarts <= trial.restarts) return undefined;
  return `ended by itself${message === undefined ? "" : `: ${message}`}`;
}

function failure({ began, change }: Trial, clock: Clock, what: string): string {
  const seconds = Math.round((clock.uptimeMs() - began.uptimeMs) / 1000);
  return `containerd came up well after its restart (${change.reason}), and within ${seconds} s of that it ${what}`;
}

async function isInPlace({ change }: Trial, { ports }: ConfigContext): Promise<boolean> {
  const { config, traces } = change;
  if (traces !== undefined && (await stateOfTraces(traces.files, ports)) !== "after") return false;
  if (config === undefined) return true;
  const file = await ports.files.read(config.path);
  return file !== undefined && ports.sha256(file.bytes) === config.afterDigest;
}

/** The last good state first: what the record says of the rollback builds on it. */
async function giveUp(
  record: ApplyRecord,
  { change, before }: Trial,
  message: string,
  context: ConfigContext,
): Promise<ApplyRecord> {
  const { state, ports } = context;
  ports.log.error({}, `${message}; it is put back as it was`);
  await state.saveLastKnownGood(await state.loadFormerGood());
  // A state that came into force since, with certs.d alone, stands on this change as well.
  const isNewest = record.digest === before.digest;
  const { digest: _digest, appliedMs: _applied, configDigest: _config, ...more } = record;
  const { traces: _traces, signed: _signed, ...rest } = more;
  const { digest, generation } = isNewest ? change : { ...change, digest: record.digest ?? change.digest };
  const pending = { ...change, digest, generation };
  const former: ApplyRecord = { ...withoutTrial(rest), ...before, pendingRestart: pending };
  const instance = await ports.containerd.instance();
  const rolling = await enterPhase(former, context, "rolling-back", instance, message);
  return (await rollBack(rolling, context, message, false)).record;
}

function withoutTrial<R extends { readonly trial?: Trial }>(record: R): Omit<R, "trial"> {
  const { trial: _over, ...rest } = record;
  return rest;
}

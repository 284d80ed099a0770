import type {
  ApplyRecord,
  PendingRestart,
  PendingTraces,
  Quarantine,
  TracesQuarantine,
  Trial,
} from "./apply-record.ts";
import type { TracesSeen } from "./check-traces.ts";
import type { ConfigContext } from "./config-change.ts";
import { withRestart } from "./restart-budget.ts";

/** A restart counts once, however often a crash makes it start over: the slot kept for a rollback stays free. */
export async function enterPhase(
  record: ApplyRecord,
  context: ConfigContext,
  phase: PendingRestart["phase"],
  instance: string | undefined,
  failure?: string,
): Promise<ApplyRecord> {
  const { instance: _old, ...pending } = record.pendingRestart as PendingRestart;
  const counted = pending.phase === phase;
  const next: ApplyRecord = {
    ...record,
    restarts: counted ? record.restarts : withRestart(record.restarts, context.ports.clock),
    pendingRestart: {
      ...pending,
      phase,
      ...(instance === undefined ? {} : { instance }),
      ...(failure === undefined ? {} : { failure }),
    },
  };
  await context.state.saveRecord(next);
  return next;
}

type Ending =
  | { readonly kind: "in-force"; readonly traces?: TracesSeen; readonly trial?: Trial }
  | { readonly kind: "not-written" }
  | { readonly kind: "rolled-back" | "degraded"; readonly message: string };

/**
 * The change is over. What follows from its failure is in the same durable write: a crash right after a rollback
 * must not try the desired state again, nor leave mirrors counted as moved that are back in config.toml.
 */
export async function settle(
  record: ApplyRecord,
  context: ConfigContext,
  ending: Ending,
): Promise<ApplyRecord> {
  const { pendingRestart: pending, ...rest } = record;
  if (pending === undefined) return record;
  const { migrated, migratedBefore } = pending;
  const next: ApplyRecord = {
    ...rest,
    migrated: ending.kind === "in-force" ? migrated : migratedBefore,
    ...("message" in ending ? quarantines(pending, ending, context) : {}),
    ...("trial" in ending && ending.trial !== undefined ? { trial: ending.trial } : {}),
  };
  const settled = ending.kind === "in-force" ? inForce(next, pending, ending.traces, context) : next;
  await context.state.saveRecord(settled);
  return settled;
}

/** What switches traces is in place, and only the restart is left to be done, which may be much later. */
export async function noteLoaded(record: ApplyRecord, { state }: ConfigContext): Promise<ApplyRecord> {
  const { pendingRestart: pending } = record;
  if (pending?.traces === undefined) return record;
  const next = { ...record, pendingRestart: { ...pending, traces: { ...pending.traces, isLoaded: true } } };
  await state.saveRecord(next);
  return next;
}

/** The traces are left out of the change that is under way: their files could not be written. */
export async function forgetTraces(record: ApplyRecord, { state }: ConfigContext): Promise<ApplyRecord> {
  const { pendingRestart, ...rest } = record;
  if (pendingRestart?.traces === undefined) return record;
  const { traces: _forgotten, ...pending } = pendingRestart;
  const next = pending.config === undefined ? rest : { ...rest, pendingRestart: pending };
  await state.saveRecord(next);
  return next;
}

function inForce(
  record: ApplyRecord,
  pending: PendingRestart,
  seen: TracesSeen | undefined,
  context: ConfigContext,
): ApplyRecord {
  if (pending.traces === undefined) return withoutBasis(record);
  const { traces: _old, tracesQuarantine: _failed, ...rest } = record;
  const { inForce: traces } = pending.traces;
  const failed = { message: seen?.trouble ?? "", takenBack: false, degraded: false };
  return {
    ...rest,
    ...(traces === undefined ? {} : { traces: { ...traces, ...(seen?.in && { seenIn: seen.in }) } }),
    ...(seen?.trouble === undefined
      ? {}
      : { tracesQuarantine: tracesQuarantine(pending.traces, failed, context) }),
  };
}

/** What traces failed on has been changed by ourselves, which is no reason to try them again. */
function withoutBasis(record: ApplyRecord): ApplyRecord {
  if (record.tracesQuarantine === undefined) return record;
  const { basis: _basis, ...tracesQuarantine } = record.tracesQuarantine;
  return { ...record, tracesQuarantine };
}

/** What is not tried again. A change that had traces in it is tried without them before it is given up. */
function quarantines(
  pending: PendingRestart,
  { kind, message }: Extract<Ending, { message: string }>,
  context: ConfigContext,
): Pick<ApplyRecord, "quarantine" | "tracesQuarantine"> {
  const { traces, config, digest, generation } = pending;
  const degraded = kind === "degraded";
  if (traces !== undefined)
    return { tracesQuarantine: tracesQuarantine(traces, { message, takenBack: true, degraded }, context) };
  const quarantine: Quarantine = {
    digest,
    configDigest: config?.afterDigest ?? "",
    generation,
    message,
    sinceMs: context.ports.clock.now(),
    degraded,
    undone: false,
  };
  return { quarantine };
}

function tracesQuarantine(
  { digest }: PendingTraces,
  failed: Pick<TracesQuarantine, "message" | "takenBack" | "degraded">,
  { ports }: ConfigContext,
): TracesQuarantine {
  return { digest, ...failed, sinceMs: ports.clock.now() };
}

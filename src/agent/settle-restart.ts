import type { ApplyRecord, PendingRestart, Quarantine } from "./apply-record.ts";
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
  | { readonly kind: "in-force" | "not-written" }
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
  const { migrated, migratedBefore } = pending ?? {
    migrated: record.migrated,
    migratedBefore: record.migrated,
  };
  const next: ApplyRecord = {
    ...rest,
    migrated: ending.kind === "in-force" ? migrated : migratedBefore,
    ...(pending === undefined || !("message" in ending)
      ? {}
      : { quarantine: quarantineOf(pending, ending, context.ports.clock.now()) }),
  };
  await context.state.saveRecord(next);
  return next;
}

function quarantineOf(
  pending: PendingRestart,
  { kind, message }: Extract<Ending, { message: string }>,
  sinceMs: number,
): Quarantine {
  const { digest, generation, afterDigest: configDigest } = pending;
  return { digest, configDigest, generation, message, sinceMs, degraded: kind === "degraded", undone: false };
}

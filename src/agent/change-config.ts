import type { ApplyRecord, PendingRestart } from "./apply-record.ts";
import { checkCandidate } from "./check-candidate.ts";
import type { ConfigChange, ConfigContext, ConfigOutcome } from "./config-change.ts";
import { complaintOf } from "./health-gate.ts";
import { restartAndGate } from "./restart-and-gate.ts";

/**
 * Checks the candidate with the installed binary, arms the record, replaces the file, restarts containerd and
 * holds it to the health gate; puts everything back when it fails. The record is durable before each effect, so
 * a crash at any point is finished by `resumeConfigChange`.
 */
export async function changeConfig(
  record: ApplyRecord,
  change: ConfigChange,
  context: ConfigContext,
): Promise<{ readonly record: ApplyRecord; readonly outcome: ConfigOutcome }> {
  const { step } = change;
  const refusal = await checkCandidate(step, change.configPath, context.ports);
  if (refusal !== undefined) return { record, outcome: { kind: "refused", message: refusal } };
  const armed = await arm(record, change, context);
  await context.ports.files.replace(step.path, step.after, step.before, step.mode);
  if (!context.mayRestart) return { record: armed, outcome: { kind: "deferred", waitMs: 0 } };
  return restartAndGate(armed, context, change.configPath);
}

async function arm(record: ApplyRecord, change: ConfigChange, context: ConfigContext): Promise<ApplyRecord> {
  const { ports, state } = context;
  const { step } = change;
  const beforeDigest = step.before === undefined ? undefined : ports.sha256(step.before);
  await state.keepOriginal(step.path);
  // containerd still runs on what was there before an earlier edit whose restart is pending: roll back to that.
  const earlier = record.pendingRestart?.afterDigest === beforeDigest ? record.pendingRestart : undefined;
  if (earlier === undefined) await state.saveRollback(step.before);
  const rollbackDigest = earlier === undefined ? beforeDigest : earlier.beforeDigest;
  const instance = earlier?.instance ?? (await ports.containerd.instance());
  const unwellBefore = complaintOf(await ports.containerd.health(context.signal));
  const beforeMode = earlier?.beforeMode ?? (await ports.files.read(step.path))?.mode;
  const pending: PendingRestart = {
    phase: "armed",
    reason: change.reason,
    configPath: step.path,
    ...(rollbackDigest === undefined ? {} : { beforeDigest: rollbackDigest }),
    ...(beforeMode === undefined ? {} : { beforeMode }),
    ...(unwellBefore === undefined ? {} : { unwellBefore }),
    afterDigest: ports.sha256(step.after),
    ...(instance === undefined ? {} : { instance }),
    digest: change.digest,
    generation: change.generation,
    canariesBefore: change.canaries,
    migrated: change.migrated,
    migratedBefore: earlier?.migratedBefore ?? record.migrated,
    ...(earlier === undefined ? {} : { replaces: earlier.afterDigest }),
  };
  const armed = { ...record, pendingRestart: pending };
  await state.saveRecord(armed);
  return armed;
}

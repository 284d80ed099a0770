import type { TextChange } from "../core/plan/step.ts";
import type { ApplyRecord, PendingConfig, PendingRestart, PendingTraces } from "./apply-record.ts";
import type { ConfigChange, ConfigContext } from "./config-change.ts";
import { complaintOf } from "./health-gate.ts";

/**
 * Makes durable what is about to be changed, and what has to be put back should it fail. containerd still runs on what
 * was there before an earlier change whose restart is pending: a rollback goes back to that.
 */
export async function armChange(
  record: ApplyRecord,
  change: ConfigChange,
  context: ConfigContext,
): Promise<ApplyRecord> {
  const { ports } = context;
  const earlier = record.pendingRestart;
  const config = change.config === undefined ? earlier?.config : await armConfig(earlier, change, context);
  const traces = change.traces === undefined ? earlier?.traces : armTraces(earlier?.traces, change.traces);
  const instance = earlier?.instance ?? (await ports.containerd.instance());
  const unwellBefore = complaintOf(await ports.containerd.health(context.signal));
  const pending: PendingRestart = {
    phase: "armed",
    reason: change.reason,
    ...(config === undefined ? {} : { config }),
    ...(traces === undefined ? {} : { traces }),
    ...(unwellBefore === undefined ? {} : { unwellBefore }),
    ...(instance === undefined ? {} : { instance }),
    digest: change.digest,
    generation: change.generation,
    canariesBefore: change.canaries,
    migrated: change.migrated,
    migratedBefore: isReplaced(earlier, config)
      ? record.migrated
      : (earlier?.migratedBefore ?? record.migrated),
  };
  // What its rollback would put back is being replaced.
  const { trial: _over, ...rest } = record;
  const armed = { ...rest, pendingRestart: pending };
  await context.state.saveRecord(armed);
  return armed;
}

/** Somebody has written config.toml since the earlier edit: theirs is what this one starts from. */
function isReplaced(earlier: PendingRestart | undefined, config: PendingConfig | undefined): boolean {
  return earlier?.config !== undefined && config !== earlier.config && config?.replaces === undefined;
}

async function armConfig(
  pending: PendingRestart | undefined,
  { config: step }: ConfigChange,
  { ports, state }: ConfigContext,
): Promise<PendingConfig | undefined> {
  if (step === undefined) return undefined;
  const beforeDigest = step.before === undefined ? undefined : ports.sha256(step.before);
  await state.keepOriginal(step.path);
  const earlier = pending?.config?.afterDigest === beforeDigest ? pending?.config : undefined;
  if (earlier === undefined) await state.saveRollback(step.before);
  const rollbackDigest = earlier === undefined ? beforeDigest : earlier.beforeDigest;
  const beforeMode = earlier?.beforeMode ?? (await ports.files.read(step.path))?.mode;
  return {
    path: step.path,
    ...(rollbackDigest === undefined ? {} : { beforeDigest: rollbackDigest }),
    ...(beforeMode === undefined ? {} : { beforeMode }),
    afterDigest: ports.sha256(step.after),
    ...(earlier === undefined ? {} : { replaces: earlier.afterDigest }),
  };
}

function armTraces(
  earlier: PendingTraces | undefined,
  { step, inForce }: NonNullable<ConfigChange["traces"]>,
): PendingTraces {
  const files = step.files.map((file) => fromEarlier(file, earlier?.files ?? []));
  return { to: step.to, digest: step.digest, files, ...(inForce === undefined ? {} : { inForce }) };
}

function fromEarlier(file: TextChange, earlier: readonly TextChange[]): TextChange {
  const first = earlier.find(({ place, after }) => place.path === file.place.path && after === file.before);
  return first === undefined ? file : { ...file, before: first.before };
}

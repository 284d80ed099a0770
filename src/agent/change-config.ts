import { compareDumps, effectiveConfigPath } from "../core/containerd/config/compare-dumps.ts";
import type { LegacyRegistry } from "../core/containerd/config/legacy-registry.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
import type { ApplyRecord, PendingRestart, Quarantine } from "./apply-record.ts";
import { complaintOf, type GateResult, passHealthGate } from "./health-gate.ts";
import { type CommandResult, HostError, type Ports } from "./ports.ts";
import { restartWaitMs, withRestart } from "./restart-budget.ts";
import type { StateDirectory } from "./state-directory.ts";

/** The one place that changes config.toml and restarts containerd. */
export interface ConfigChange {
  readonly step: EditConfigStep;
  readonly reason: string;
  /** Digest and generation of the desired state that wants this. */
  readonly digest: string;
  readonly generation: number;
  /** The certs.d root containerd must be reading afterwards; undefined in legacy style. */
  readonly configPath?: string;
  readonly canaries: readonly string[];
  /** Legacy mirrors that stand for something once this edit is in force. */
  readonly migrated: readonly LegacyRegistry[];
}

export type ConfigOutcome =
  | { readonly kind: "restarted" }
  /** The candidate was refused before anything was touched. */
  | { readonly kind: "refused"; readonly message: string }
  /** The old bytes are back and containerd is healthy on them. */
  | { readonly kind: "rolled-back"; readonly message: string }
  /** Restarting now would exceed the budget; nothing is lost, the restart stays pending. */
  | { readonly kind: "deferred"; readonly waitMs: number }
  /** The old bytes are back (or could not be put back) and containerd is not well: hands off. */
  | { readonly kind: "degraded"; readonly message: string };

export interface ConfigContext {
  readonly ports: Ports;
  readonly state: StateDirectory;
  readonly gateTimeoutMs: number;
  /** False for `apply --no-restart`: config.toml is written and the restart stays pending. */
  readonly mayRestart: boolean;
  readonly signal: AbortSignal;
  readonly onRestart: (reason: string, outcome: "ok" | "failed") => void;
}

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

/** Beside config.toml while containerd is asked about it; a crash may leave it there. */
export function candidatePath(configPath: string): string {
  return `${configPath}.mirrorlet-candidate`;
}

/**
 * The candidate as containerd itself reads it, from a file beside the real one so that relative imports mean the
 * same. Returns containerd's objection; undefined: accepted, and nothing but owned keys differs.
 */
async function checkCandidate(
  step: EditConfigStep,
  configPath: string | undefined,
  { files, containerd }: Ports,
): Promise<string | undefined> {
  const candidate = candidatePath(step.path);
  await files.write([{ path: candidate, bytes: step.after, mode: 0o600, secret: true }]);
  try {
    const after = await containerd.dumpConfig(candidate);
    if (!after.ok) return `containerd refuses the new ${step.path}: ${after.message}`;
    const effective = effectiveConfigPath(after.toml);
    if (configPath !== undefined && effective !== configPath)
      return `with the new ${step.path} containerd would read registry configuration from ${JSON.stringify(effective ?? "")}, not from ${configPath}: an import or a drop-in overrides it`;
    if (step.before === undefined) return undefined;
    const before = await containerd.dumpConfig(step.path);
    // A file containerd cannot read now has no dump to compare with; the gate still stands behind this.
    if (!before.ok) return undefined;
    const foreign = compareDumps(before.toml, after.toml);
    return foreign.length === 0
      ? undefined
      : `the new ${step.path} would change more than registry settings: ${foreign.join(", ")}`;
  } finally {
    await files.remove([candidate]);
  }
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

/**
 * Takes a change up where a crash (or `--no-restart`) left it. Whether the restart has happened is told by
 * containerd's socket, which every start makes anew.
 */
export async function resumeConfigChange(
  record: ApplyRecord,
  context: ConfigContext,
  wantedConfigPath: string | undefined,
): Promise<{ readonly record: ApplyRecord; readonly outcome?: ConfigOutcome }> {
  const { pendingRestart } = record;
  if (pendingRestart === undefined) return { record };
  const { ports } = context;
  const file = await ports.files.read(pendingRestart.configPath);
  const digest = file === undefined ? undefined : ports.sha256(file.bytes);
  const pending = unlessNeverWritten(pendingRestart, digest);
  const instance = await ports.containerd.instance();
  // No socket: a restart was cut off half way, and containerd waits for somebody to start it.
  const restarted = instance !== undefined && instance !== pending.instance;
  if (pending.phase === "rolling-back") return rollBack(record, context, pending.failure ?? "", restarted);
  if (digest === pending.beforeDigest)
    return { record: await settle(record, context, { kind: "not-written" }) };
  // Somebody else has written the file since. Where it still says what we need, containerd still has to be
  // restarted on it; otherwise the next pass plans on what is there.
  if (digest !== pending.afterDigest && (restarted || !(await stillServes(pending, wantedConfigPath, ports))))
    return { record: await settle(record, context, { kind: "in-force" }) };
  const current = { ...record, pendingRestart: pending };
  if (restarted) return gate(current, context, wantedConfigPath, undefined);
  // The pass goes on, and the restart stays pending.
  if (!context.mayRestart) return { record };
  const waitMs = pending.phase === "armed" ? restartWaitMs(record.restarts, ports.clock) : 0;
  if (waitMs > 0) return { record, outcome: { kind: "deferred", waitMs } };
  return restartAndGate(current, context, wantedConfigPath);
}

async function stillServes(
  { configPath }: PendingRestart,
  wantedConfigPath: string | undefined,
  { containerd }: Ports,
): Promise<boolean> {
  const dump = await containerd.dumpConfig(configPath);
  return dump.ok && (wantedConfigPath === undefined || effectiveConfigPath(dump.toml) === wantedConfigPath);
}

/** Killed between arming a second edit and writing it: the first one still waits for its restart. */
function unlessNeverWritten(pending: PendingRestart, digest: string | undefined): PendingRestart {
  return digest !== undefined && digest === pending.replaces ? { ...pending, afterDigest: digest } : pending;
}

async function restartAndGate(record: ApplyRecord, context: ConfigContext, configPath: string | undefined) {
  const instance = await context.ports.containerd.instance();
  const restarting = await enterPhase(record, context, "restarting", instance);
  const result = await restart(restarting.pendingRestart?.reason ?? "", context);
  return gate(restarting, context, configPath, result);
}

async function gate(
  record: ApplyRecord,
  context: ConfigContext,
  configPath: string | undefined,
  restarted: CommandResult | undefined,
): Promise<{ readonly record: ApplyRecord; readonly outcome: ConfigOutcome }> {
  const result = restarted?.ok === false ? restarted : await holdToGate(record, context, configPath);
  if (result.ok)
    return { record: await settle(record, context, { kind: "in-force" }), outcome: { kind: "restarted" } };
  const instance = await context.ports.containerd.instance();
  const message = withEarlierTrouble(result.message, record.pendingRestart?.unwellBefore);
  const rolling = await enterPhase(record, context, "rolling-back", instance, message);
  return rollBack(rolling, context, message, false);
}

/** The change is not to blame for what was wrong before it. */
function withEarlierTrouble(message: string, unwellBefore: string | undefined): string {
  return unwellBefore === undefined
    ? message
    : `${message} (containerd was not well before this change either: ${unwellBefore})`;
}

function holdToGate(record: ApplyRecord, context: ConfigContext, configPath?: string): Promise<GateResult> {
  const options = {
    timeoutMs: context.gateTimeoutMs,
    canaries: record.pendingRestart?.canariesBefore ?? [],
    ...(configPath === undefined ? {} : { configPath }),
  };
  return passHealthGate(context.ports, options, context.signal);
}

/** Old bytes back, start limit cleared, one more restart; then hands off, whatever comes of it. */
async function rollBack(
  record: ApplyRecord,
  context: ConfigContext,
  failure: string,
  alreadyRestarted: boolean,
): Promise<{ readonly record: ApplyRecord; readonly outcome: ConfigOutcome }> {
  const { ports } = context;
  const pending = record.pendingRestart;
  if (pending === undefined) return { record, outcome: { kind: "rolled-back", message: failure } };
  const restored = await restoreBytes(pending, context);
  let result: CommandResult = { ok: true };
  if (!alreadyRestarted || restored === "written") {
    await ports.containerd.resetFailed();
    result = await restart("rollback", context);
  }
  const health = result.ok
    ? await passHealthGate(ports, { timeoutMs: context.gateTimeoutMs, canaries: [] }, context.signal)
    : result;
  const message = health.ok
    ? failure
    : `${failure}; after the old ${pending.configPath} was put back: ${health.message}`;
  const kind = health.ok ? "rolled-back" : "degraded";
  return { record: await settle(record, context, { kind, message }), outcome: { kind, message } };
}

async function restoreBytes(
  pending: PendingRestart,
  { ports, state }: ConfigContext,
): Promise<"written" | "kept"> {
  const file = await ports.files.read(pending.configPath);
  // Not what we put there: somebody has changed it since, and their bytes are not ours to take away.
  if (file === undefined || ports.sha256(file.bytes) !== pending.afterDigest) return "kept";
  const old = await state.loadRollback();
  if (old !== undefined) await ports.files.replace(pending.configPath, old, file.bytes, pending.beforeMode);
  else if (pending.beforeDigest === undefined) await ports.files.remove([pending.configPath]);
  else throw lostRollback(pending.configPath);
  return "written";
}

function lostRollback(path: string): HostError {
  const message = `the bytes of ${path} from before the change are lost; it stays as it is: look at it and restart containerd by hand`;
  return new HostError("rollback-lost", path, message, { retryable: false });
}

async function restart(reason: string, { ports, signal, onRestart }: ConfigContext): Promise<CommandResult> {
  ports.log.info({ reason }, "restarting containerd");
  const result = await ports.containerd.restart(signal);
  onRestart(reason === "rollback" ? "rollback" : "config", result.ok ? "ok" : "failed");
  return result;
}

/** A restart counts once, however often a crash makes it start over: the slot kept for a rollback stays free. */
async function enterPhase(
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
async function settle(record: ApplyRecord, context: ConfigContext, ending: Ending): Promise<ApplyRecord> {
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

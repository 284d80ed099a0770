import type { ApplyRecord, PendingConfig, PendingRestart } from "./apply-record.ts";
import { beginTrial } from "./begin-trial.ts";
import { lookForTraces } from "./check-traces.ts";
import type { ConfigContext, ConfigOutcome } from "./config-change.ts";
import { type GateResult, passHealthGate } from "./health-gate.ts";
import { type CommandResult, HostError } from "./ports.ts";
import { enterPhase, settle } from "./settle-restart.ts";
import { putTracesBack } from "./write-traces.ts";

/** Restarts containerd on the files that are in place, holds it to the gate, takes them back if it fails. */
export async function restartAndGate(
  record: ApplyRecord,
  context: ConfigContext,
  configPath: string | undefined,
) {
  const instance = await context.ports.containerd.instance();
  const restarting = await enterPhase(record, context, "restarting", instance);
  const pending = restarting.pendingRestart;
  const kind = pending?.config === undefined ? "traces" : "config";
  const result = await restart(kind, pending?.reason ?? "", context);
  return gate(restarting, context, configPath, result);
}

/** The gate, and what follows from it; `restarted`: how the restart command ended, if it was run now. */
export async function gate(
  record: ApplyRecord,
  context: ConfigContext,
  configPath: string | undefined,
  restarted: CommandResult | undefined,
): Promise<{ readonly record: ApplyRecord; readonly outcome: ConfigOutcome }> {
  const result = restarted?.ok === false ? restarted : await holdToGate(record, context, configPath);
  if (result.ok) {
    const traces = await lookForTraces(record.pendingRestart?.traces, context);
    const trial = await beginTrial(record, context);
    return {
      record: await settle(record, context, { kind: "in-force", traces, ...(trial && { trial }) }),
      outcome: { kind: "restarted" },
    };
  }
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
  const pending = record.pendingRestart;
  const options = {
    timeoutMs: context.gateTimeoutMs,
    canaries: pending?.canariesBefore ?? [],
    // Traces alone are not answerable for what config.toml says.
    ...(configPath === undefined || pending?.config === undefined ? {} : { configPath }),
  };
  return passHealthGate(context.ports, options, context.signal);
}

/** What was there before goes back, one more restart; then hands off, whatever comes of it. */
export async function rollBack(
  record: ApplyRecord,
  context: ConfigContext,
  failure: string,
  alreadyRestarted: boolean,
): Promise<{ readonly record: ApplyRecord; readonly outcome: ConfigOutcome }> {
  const { ports } = context;
  const pending = record.pendingRestart;
  const hadTraces = pending?.traces !== undefined;
  if (pending === undefined) return { record, outcome: { kind: "rolled-back", message: failure, hadTraces } };
  const restored = pending.config !== undefined && (await restoreBytes(pending.config, context));
  const traces = await putTracesBack(pending.traces?.files ?? [], ports);
  let result: CommandResult = { ok: true };
  if (!alreadyRestarted || restored || traces.wrote) {
    result = await restart("rollback", "rollback", context);
  }
  const health = result.ok
    ? await passHealthGate(ports, { timeoutMs: context.gateTimeoutMs, canaries: [] }, context.signal)
    : result;
  const told = traces.trouble === undefined ? failure : `${failure}; ${traces.trouble}`;
  const message = health.ok ? told : `${told}; after ${describeBack(pending)}: ${health.message}`;
  const kind = health.ok ? "rolled-back" : "degraded";
  return {
    record: await settle(record, context, { kind, message }),
    outcome: { kind, message, hadTraces },
  };
}

function describeBack({ config, traces }: PendingRestart): string {
  const paths = [config?.path, ...(traces?.files ?? []).map(({ place }) => place.path)];
  return `the old ${paths.filter((path) => path !== undefined).join(" and ")} was put back`;
}

/** True when the bytes were written. */
async function restoreBytes(pending: PendingConfig, { ports, state }: ConfigContext): Promise<boolean> {
  const file = await ports.files.read(pending.path);
  // Not what we put there: somebody has changed it since, and their bytes are not ours to take away.
  if (file === undefined || ports.sha256(file.bytes) !== pending.afterDigest) return false;
  const old = await state.loadRollback();
  const isWhole = old !== undefined && ports.sha256(old) === pending.beforeDigest;
  if (isWhole) await ports.files.replace(pending.path, old, file.bytes, pending.beforeMode);
  else if (old === undefined && pending.beforeDigest === undefined) await ports.files.remove([pending.path]);
  else throw lostRollback(pending.path);
  return true;
}

function lostRollback(path: string): HostError {
  const message = `the bytes of ${path} from before the change are lost or damaged; it stays as it is: look at it and restart containerd by hand`;
  return new HostError("rollback-lost", path, message, { retryable: false });
}

async function restart(
  kind: "config" | "traces" | "rollback",
  reason: string,
  { ports, signal, onRestart }: ConfigContext,
): Promise<CommandResult> {
  ports.log.info({ reason }, "restarting containerd");
  const result = await ports.containerd.restart(signal);
  onRestart(kind, result.ok ? "ok" : "failed");
  return result;
}

import type { ApplyRecord, PendingRestart } from "./apply-record.ts";
import type { ConfigContext, ConfigOutcome } from "./config-change.ts";
import { type GateResult, passHealthGate } from "./health-gate.ts";
import { type CommandResult, HostError } from "./ports.ts";
import { enterPhase, settle } from "./settle-restart.ts";

/** Restarts containerd on the config.toml that is in place, holds it to the gate, takes it back if it fails. */
export async function restartAndGate(
  record: ApplyRecord,
  context: ConfigContext,
  configPath: string | undefined,
) {
  const instance = await context.ports.containerd.instance();
  const restarting = await enterPhase(record, context, "restarting", instance);
  const result = await restart(restarting.pendingRestart?.reason ?? "", context);
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
export async function rollBack(
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

import { effectiveConfigPath } from "../core/containerd/config/compare-dumps.ts";
import type { ApplyRecord, PendingRestart } from "./apply-record.ts";
import type { ConfigContext, ConfigOutcome } from "./config-change.ts";
import type { Ports } from "./ports.ts";
import { gate, restartAndGate, rollBack } from "./restart-and-gate.ts";
import { restartWaitMs } from "./restart-budget.ts";
import { settle } from "./settle-restart.ts";

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

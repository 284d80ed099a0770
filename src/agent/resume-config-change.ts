import { effectiveConfigPath } from "../core/containerd/config/compare-dumps.ts";
import type { ApplyRecord, PendingConfig, PendingRestart } from "./apply-record.ts";
import type { ConfigContext, ConfigOutcome } from "./config-change.ts";
import type { Ports } from "./ports.ts";
import { gate, restartAndGate, rollBack } from "./restart-and-gate.ts";
import { restartWaitMs } from "./restart-budget.ts";
import { forgetTraces, settle } from "./settle-restart.ts";
import { waitForPods } from "./wait-for-pods.ts";
import { stateOfTraces, writeTraces } from "./write-traces.ts";

type Resumed = { readonly record: ApplyRecord; readonly outcome?: ConfigOutcome };

/**
 * Takes a change up where a crash (or `--no-restart`) left it. Whether the restart has happened is told by
 * containerd's socket, which every start makes anew.
 */
export async function resumeConfigChange(
  record: ApplyRecord,
  context: ConfigContext,
  wantedConfigPath: string | undefined,
): Promise<Resumed> {
  if (record.pendingRestart === undefined) return { record };
  const { ports } = context;
  const config = await readConfig(record.pendingRestart.config, ports);
  const pending = withConfig(record.pendingRestart, config.pending);
  const instance = await ports.containerd.instance();
  // No socket: a restart was cut off half way, and containerd waits for somebody to start it.
  const restarted = instance !== undefined && instance !== pending.instance;
  if (pending.phase === "rolling-back") return rollBack(record, context, pending.failure ?? "", restarted);
  const current = { ...record, pendingRestart: pending };
  if (config.is === "before" || (config.is === "none" && (await isUntouched(pending, ports))))
    return { record: await settle(record, context, { kind: "not-written" }) };
  // Somebody else has written the file since. Where it still says what we need, containerd still has to be
  // restarted on it; otherwise the next pass plans on what is there.
  if (config.is === "other" && (restarted || !(await stillServes(pending.config, wantedConfigPath, ports))))
    return { record: await settle(record, context, { kind: "in-force" }) };
  if (restarted) return gate(current, context, wantedConfigPath, undefined);
  // The pass goes on, and the restart stays pending.
  if (!context.mayRestart) return { record };
  const waitMs = pending.phase === "armed" ? restartWaitMs(record.restarts, ports.clock) : 0;
  if (waitMs > 0) return { record, outcome: { kind: "deferred", waitMs } };
  if (instance !== undefined) await waitForPods(ports, context.signal);
  return finish(current, context, wantedConfigPath);
}

/** What switches traces is written and read by systemd as far as that was not done; then the restart. */
async function finish(
  record: ApplyRecord,
  context: ConfigContext,
  wantedConfigPath: string | undefined,
): Promise<Resumed> {
  const { traces, phase } = record.pendingRestart as PendingRestart;
  const isLoaded =
    (traces?.isLoaded === true || phase === "restarting") &&
    (await stateOfTraces(traces?.files ?? [], context.ports)) === "after";
  if (traces === undefined || isLoaded) return restartAndGate(record, context, wantedConfigPath);
  const written = await writeTraces(traces.files, context.ports);
  if (written.ok) return restartAndGate(record, context, wantedConfigPath);
  const forgotten = await forgetTraces(record, context);
  if (forgotten.pendingRestart === undefined) return { record: forgotten };
  return restartAndGate(forgotten, context, wantedConfigPath);
}

/** Killed before anything was written: nothing waits for a restart. */
async function isUntouched({ traces }: PendingRestart, ports: Ports): Promise<boolean> {
  return traces !== undefined && (await stateOfTraces(traces.files, ports)) === "before";
}

interface FoundConfig {
  readonly is: "none" | "before" | "after" | "other";
  readonly pending: PendingConfig | undefined;
}

async function readConfig(pending: PendingConfig | undefined, ports: Ports): Promise<FoundConfig> {
  if (pending === undefined) return { is: "none", pending };
  const file = await ports.files.read(pending.path);
  const digest = file === undefined ? undefined : ports.sha256(file.bytes);
  const known = unlessNeverWritten(pending, digest);
  const is = digest === known.beforeDigest ? "before" : digest === known.afterDigest ? "after" : "other";
  return { is, pending: known };
}

function withConfig(pending: PendingRestart, config: PendingConfig | undefined): PendingRestart {
  return config === undefined ? pending : { ...pending, config };
}

async function stillServes(
  config: PendingConfig | undefined,
  wantedConfigPath: string | undefined,
  { containerd }: Ports,
): Promise<boolean> {
  if (config === undefined) return true;
  const dump = await containerd.dumpConfig(config.path);
  return dump.ok && (wantedConfigPath === undefined || effectiveConfigPath(dump.toml) === wantedConfigPath);
}

/** Killed between arming a second edit and writing it: the first one still waits for its restart. */
function unlessNeverWritten(pending: PendingConfig, digest: string | undefined): PendingConfig {
  return digest !== undefined && digest === pending.replaces ? { ...pending, afterDigest: digest } : pending;
}

import type { ApplyRecord } from "./apply-record.ts";
import { armChange } from "./arm-change.ts";
import { checkCandidate } from "./check-candidate.ts";
import type { ConfigChange, ConfigContext, ConfigOutcome } from "./config-change.ts";
import { restartAndGate } from "./restart-and-gate.ts";
import { forgetTraces, noteLoaded } from "./settle-restart.ts";
import { waitForPods } from "./wait-for-pods.ts";
import { writeTraces } from "./write-traces.ts";

/**
 * The one door to what containerd reads at its start. Checks the candidate of config.toml with the installed binary,
 * arms the record, writes, restarts containerd and holds it to the health gate; puts everything back when it fails.
 * The record is durable before each effect, so a crash at any point is finished by `resumeConfigChange`.
 */
export async function changeConfig(
  record: ApplyRecord,
  change: ConfigChange,
  context: ConfigContext,
): Promise<{
  readonly record: ApplyRecord;
  readonly outcome: ConfigOutcome;
  /** Why the files of the traces could not be written; the rest goes on without them. */
  readonly tracesTrouble?: string;
}> {
  const { config, traces } = change;
  const { ports } = context;
  const refusal = config && (await checkCandidate(config, change.configPath, ports));
  if (refusal !== undefined) return { record, outcome: { kind: "refused", message: refusal } };
  // Before the file is written: what is on disk without a restart waits for anybody's.
  if (context.mayRestart) await waitForPods(ports, context.signal);
  let armed = await armChange(record, change, context);
  if (config !== undefined) await ports.files.replace(config.path, config.after, config.before, config.mode);
  const written = traces === undefined ? { ok: true as const } : await writeTraces(traces.step.files, ports);
  if (!written.ok) armed = await forgetTraces(armed, context);
  const trouble = written.ok ? {} : { tracesTrouble: written.message };
  if (armed.pendingRestart === undefined)
    return { record: armed, outcome: { kind: "not-switched" }, ...trouble };
  if (!context.mayRestart) {
    const record = await noteLoaded(armed, context);
    return { record, outcome: { kind: "deferred", waitMs: 0 }, ...trouble };
  }
  return { ...(await restartAndGate(armed, context, change.configPath)), ...trouble };
}

import { redactSecrets } from "../core/redact-secrets.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { choose, type Wanted } from "./choose-desired-state.ts";
import { converge, type Target } from "./converge.ts";
import { forgetTries, noteTry } from "./count-tries.ts";
import { isDegraded } from "./hold-tracing.ts";
import { configContext, type PassContext, type PassResult, type Progress } from "./pass-context.ts";
import { deferred, FREEZE_PATH, failed, frozen, noContainerd, withoutState } from "./pass-results.ts";
import { reviewQuarantine } from "./quarantine.ts";
import type { Condition, PassReport } from "./report.ts";
import { resumeConfigChange } from "./resume-config-change.ts";
import { undoFiles } from "./take-back.ts";
import { reviewTrial, TRIAL_POLL_MS, trialLeftMs } from "./trial.ts";

/*
 * The invariants of a pass, each with a test by its name:
 *   converges · idempotent · no gap · crash anywhere · own only ours · last good stands · no needless restart ·
 *   dry run is the same code
 */

/** One observe–plan–execute–verify–record–report. Throws only when the signal is aborted. */
export async function runPass(context: PassContext): Promise<PassReport> {
  const { clock } = context.ports;
  const startedMs = clock.uptimeMs();
  const progress: Progress = { done: [], restarts: [], record: undefined, wanted: undefined };
  let result: PassResult;
  try {
    result = await attempt(context, progress);
  } catch (error) {
    context.signal.throwIfAborted();
    result = failed(error);
  } finally {
    await forgetTries(context, progress);
  }
  const { record, wanted } = progress;
  const isOnTrial = record !== undefined && trialLeftMs(record, clock) > 0;
  const waits = [result.retryMs, ...(isOnTrial ? [TRIAL_POLL_MS] : [])].filter((ms) => ms !== undefined);
  return {
    generation: generationOf(wanted, record),
    observedGeneration: record?.generation ?? 0,
    issues: wanted?.issues ?? [],
    conflicts: [],
    drift: [],
    done: progress.done,
    restarts: progress.restarts,
    inSync: false,
    ownedDirectories: [],
    inputs: wanted?.inputs ?? [],
    durationMs: clock.uptimeMs() - startedMs,
    ...(record?.appliedMs === undefined ? {} : { appliedMs: record.appliedMs }),
    ...(record?.signed === undefined ? {} : { signed: record.signed }),
    ...askedOf(wanted, record, isOnTrial),
    ...result,
    ...(waits.length === 0 ? {} : { retryMs: Math.min(...waits) }),
    conditions: result.conditions.map(withoutSecrets),
  };
}

/** What is kept is what is wanted. */
function generationOf(wanted: Wanted | undefined, record: ApplyRecord | undefined): number {
  if (wanted?.kind === "kept") return record?.generation ?? 0;
  return wanted?.kind === "state" ? wanted.state.generation : 0;
}

function askedOf(
  wanted: Wanted | undefined,
  record: ApplyRecord | undefined,
  isOnTrial: boolean,
): Pick<PassReport, "asked"> | undefined {
  if (wanted === undefined || wanted.kind === "kept" || wanted.feed === undefined) return undefined;
  const isInForce = wanted.kind === "state" && record?.digest === wanted.digest;
  return { asked: { digest: wanted.feed.digest, isInForce, isOnTrial } };
}

/** Conditions quote what containerd, its journal and its restart command say, and are shown to anybody who asks. */
function withoutSecrets({ type, message }: Condition): Condition {
  return { type, message: redactSecrets(message) };
}

/** Somebody has put right what a rollback could not: the failed change stays in quarantine, the alarm goes. */
async function noticeRecovery(
  record: ApplyRecord,
  { ports, state, signal }: PassContext,
): Promise<ApplyRecord> {
  if (!isDegraded(record)) return record;
  const health = await ports.containerd.health(signal);
  if (!health.criReady || health.failedPlugins.length > 0) return record;
  const { quarantine, tracesQuarantine } = record;
  const recovered = {
    ...record,
    ...(quarantine && { quarantine: { ...quarantine, degraded: false } }),
    ...(tracesQuarantine && { tracesQuarantine: { ...tracesQuarantine, degraded: false } }),
  };
  await state.saveRecord(recovered);
  return recovered;
}

async function attempt(context: PassContext, progress: Progress): Promise<PassResult> {
  const { ports, state, config } = context;
  const { record: loaded, corrupt } = await state.loadRecord();
  progress.record = loaded;
  if (corrupt)
    ports.log.warn(
      { state_dir: config.stateDir },
      "the apply record is damaged; rebuilding it from the node",
    );
  if ((await ports.files.read(FREEZE_PATH)) !== undefined) return frozen();

  const version = await ports.containerd.version();
  if (version === undefined) return noContainerd(config.containerd.binary);
  const containerdVersion = version.text;

  const wantedConfigPath = config.style === "certs.d" ? config.containerd.certsD : undefined;
  const resumed = await resumeConfigChange(loaded, configContext(context, progress), wantedConfigPath);
  const onTrial = await reviewTrial(resumed.record, version.text, configContext(context, progress));
  const recovered = await noticeRecovery(onTrial, context);
  progress.record = await reviewQuarantine(recovered, version, context);
  if (resumed.outcome?.kind === "deferred") return { ...deferred(resumed.outcome.waitMs), containerdVersion };

  progress.wanted = await context.load();
  const choice = await choose(progress.wanted, progress.record, context);
  if (choice.quarantined) await undoFiles(choice, version, context, progress);
  if (choice.desired === undefined) return { ...withoutState(choice, progress.record), containerdVersion };
  await noteTry(choice, context, progress);
  const target: Target = { choice, desired: choice.desired, version };
  return { containerdVersion, ...(await converge(target, context, progress)) };
}

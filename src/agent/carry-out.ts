import type { NodePlan } from "../core/plan/node-plan.ts";
import type { EditConfigStep, SwitchTracesStep } from "../core/plan/step.ts";
import { restartReason } from "../core/plan/with-tracing.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { changeConfig } from "./change-config.ts";
import type { ConfigChange, ConfigOutcome } from "./config-change.ts";
import type { Target } from "./converge.ts";
import { describeStep, executeStep, isFileStep } from "./execute.ts";
import { configContext, type PassContext, type PassResult, type Progress } from "./pass-context.ts";
import { deferred, withoutTraces } from "./pass-results.ts";
import { takeBack } from "./take-back.ts";
import { changeWaitMs } from "./trial.ts";
import { waits } from "./without-paths.ts";
import { writeTraces } from "./write-traces.ts";

/** A plan, and all that is needed to carry it out. */
interface Undertaking {
  readonly plan: NodePlan;
  /** Images whose pull works now. */
  readonly canaries: readonly string[];
  readonly target: Target;
  readonly context: PassContext;
  readonly progress: Progress;
}

/** Carries the steps out in their order. A result: the pass ends here. */
export async function carryOut(undertaking: Undertaking): Promise<PassResult | undefined> {
  const { plan, context, progress } = undertaking;
  const { ports, state } = context;
  for (const step of plan.steps) {
    context.signal.throwIfAborted();
    if (step.kind === "restart-containerd") continue; // part of the change it is for
    // Written without a restart: the daemon still reads what the config.toml before named.
    if (waits(step) && progress.record?.pendingRestart?.config !== undefined) continue;
    if (isFileStep(step)) await executeStep(step, { ports, state, signal: context.signal });
    else if (step.kind === "edit-config") {
      const stopped = await editConfig(step, undertaking);
      if (stopped !== undefined) return stopped;
    } else if (!(await switchTraces(step, undertaking))) continue;
    const done = describeStep(step);
    ports.log.debug({ step: done }, "step done");
    progress.done.push(done);
  }
  return undefined;
}

async function editConfig(step: EditConfigStep, undertaking: Undertaking): Promise<PassResult | undefined> {
  const { plan, target, context, progress } = undertaking;
  const record = progress.record as ApplyRecord;
  const waitMs = context.mayRestart ? changeWaitMs(record, context.ports.clock) : 0;
  // Writing config.toml now and restarting later would leave a change that any restart by others puts in force
  // without the gate; so the edit waits with the restart.
  if (waitMs > 0) return deferred(waitMs);
  await waitUntilQuiet(step.path, context);
  const { style, containerd } = context.config;
  const configPath = style === "certs.d" ? { configPath: containerd.certsD } : {};
  const outcome = await change(undertaking, { config: step, ...configPath });
  switch (outcome.kind) {
    case "restarted":
    case "deferred":
    case "not-switched":
      return undefined;
    case "refused":
      return plan.tracing?.step?.isInConfig === true
        ? refuseTraces(plan.tracing.step, outcome.message, context, progress)
        : takeBack({ step, outcome }, target, context, progress);
    case "rolled-back":
    case "degraded":
      return outcome.hadTraces
        ? withoutTraces(outcome, progress.record as ApplyRecord, context.ports.clock)
        : takeBack({ step, outcome }, target, context, progress);
    default:
      return outcome satisfies never;
  }
}

/** containerd refuses a config.toml that has traces in it: it may be for them, so the next pass leaves them out. */
async function refuseTraces(
  { digest }: SwitchTracesStep,
  message: string,
  { ports, state }: PassContext,
  progress: Progress,
): Promise<PassResult> {
  const { clock } = ports;
  const tracesQuarantine = { digest, message, takenBack: true, degraded: false, sinceMs: clock.now() };
  const record = { ...(progress.record as ApplyRecord), tracesQuarantine };
  await state.saveRecord(record);
  progress.record = record;
  return withoutTraces({ kind: "rolled-back", message }, record, clock);
}

/** False: it was not done, which the record or `tracesTrouble` tells; the rest of the plan goes on. */
async function switchTraces(step: SwitchTracesStep, undertaking: Undertaking): Promise<boolean> {
  const { plan, context, progress } = undertaking;
  // Done together with config.toml.
  if (plan.configEdit !== undefined) return progress.tracesTrouble === undefined;
  if (step.needsRestart) {
    const { kind } = await change(undertaking, {});
    return kind === "restarted" || kind === "deferred";
  }
  const written = await writeTraces(step.files, context.ports);
  if (!written.ok) progress.tracesTrouble = written.message;
  return written.ok;
}

async function change(
  { plan, canaries, target, context, progress }: Undertaking,
  config: Pick<ConfigChange, "config" | "configPath">,
): Promise<ConfigOutcome> {
  const { choice } = target;
  const record = progress.record as ApplyRecord;
  const step = plan.tracing?.step;
  const whole: ConfigChange = {
    ...config,
    ...(step === undefined ? {} : { traces: { step, inForce: plan.tracing?.inForce } }),
    reason: restartReason(config.config, step) ?? "",
    digest: choice.digest,
    generation: choice.desired?.generation ?? 0,
    canaries,
    migrated: config.config === undefined ? record.migrated : plan.migrated,
  };
  const result = await changeConfig(record, whole, configContext(context, progress));
  progress.record = result.record;
  if (result.tracesTrouble !== undefined) progress.tracesTrouble = result.tracesTrouble;
  return result.outcome;
}

/**
 * Another tool may be writing config.toml in place, in pieces. A file touched just now gets time to become whole;
 * when its bytes change meanwhile, replacing it is refused and the next pass plans on what is there then.
 */
async function waitUntilQuiet(path: string, { ports, signal }: PassContext): Promise<void> {
  const file = await ports.files.read(path);
  if (file === undefined) return;
  // The file system's clock has finer steps than ours; a time further ahead comes from a clock that was set.
  const ageMs = ports.clock.now() - file.modifiedMs;
  if (Math.abs(ageMs) < QUIET_MS) await ports.clock.sleep(QUIET_MS - Math.max(ageMs, 0), signal);
}

const QUIET_MS = 500;

import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import type { NodePlan, TracingPlan } from "../core/plan/node-plan.ts";
import { planNodeGradually } from "../core/plan/plan-node.ts";
import { restartsForTraces, withoutTracing } from "../core/plan/with-tracing.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { carryOut } from "./carry-out.ts";
import type { Choice } from "./choose-desired-state.ts";
import { findContests, findDrift } from "./drift.ts";
import { pullBaseline, removeLeftover } from "./evidence/canary.ts";
import { findStaleDaemon } from "./find-stale-daemon.ts";
import { finishPass } from "./finish-pass.ts";
import { withFormerRoots } from "./former-roots.ts";
import { holdTracing } from "./hold-tracing.ts";
import { observeHost } from "./observe-host.ts";
import { observeTracing } from "./observe-tracing.ts";
import { type PassContext, type PassResult, type Progress, planSettings } from "./pass-context.ts";
import { deferred, unkept } from "./pass-results.ts";
import type { Ports } from "./ports.ts";
import { inTurns } from "./take-turns.ts";
import { changeWaitMs } from "./trial.ts";
import { withoutPaths } from "./without-paths.ts";
import { identityFor } from "./witness-keeper.ts";

export interface Target {
  readonly choice: Choice;
  readonly desired: DesiredState;
  readonly version: ContainerdVersion;
}

/** Brings the node to the chosen desired state. */
export async function converge(
  target: Target,
  context: PassContext,
  progress: Progress,
): Promise<PassResult> {
  const { choice, desired, version } = target;
  const { ports, config, state } = context;
  const record = progress.record as ApplyRecord;
  const host = await observeTracing(await observeHost(ports, config, version), record, context);
  const identity = await identityFor(context);
  const settings = planSettings(choice, context, identity, record);
  const planned = await inTurns(planNodeGradually(desired, host, settings), ports.clock);
  const drift = choice.fresh
    ? []
    : findDrift(planned.changes, record, config.containerd.config, ports.sha256);
  const contests = findContests(drift, record.repairs, ports.clock);
  const mayTry = choice.fresh || context.retryQuarantined || choice.feed?.isNewTry === true;
  const failedBefore =
    (!mayTry && isFailedConfig(planned, record, ports.sha256)) ||
    (!context.retryQuarantined && isBroken(planned, record));
  const leftAlone = contests.map((contest) => contest.path);
  const possible = withoutPaths(
    planned,
    new Set(failedBefore ? [...leftAlone, config.containerd.config] : leftAlone),
  );
  const isSwitched = planned.configEdit === undefined || possible.configEdit !== undefined;
  const whole = isSwitched ? await withFormerRoots(possible, host, record, context) : possible;
  const held = await holdTracing(whole, host, record, context);

  const waitMs = restarts(held) && context.mayRestart ? changeWaitMs(record, ports.clock) : 0;
  // Traces wait by themselves; all the rest goes on.
  const tracesWaitMs = restartsForTraces(held) && waitMs > 0 ? waitMs : undefined;
  const plan = tracesWaitMs === undefined ? held : withoutTracing(held, waiting(tracesWaitMs));
  // A credential that leaves hosts.toml has to be in config.toml at once, or the mirror refuses every pull.
  const moving = choice.criCredentialHosts.some((host) => !record.criCredentialHosts.includes(host));
  if (waitMs > 0 && tracesWaitMs === undefined && moving) return deferred(waitMs);
  const canaries = restarts(plan) && waitMs === 0 ? desired.canaries : [];
  const damage = replacesOthers(plan) ? await state.originalsDamage() : undefined;
  if (damage !== undefined) return unkept(damage);
  const baseline = await pullBaseline(canaries, ports, context.signal);
  try {
    const stopped = await carryOut({ plan, canaries: baseline.works, target, context, progress });
    if (stopped !== undefined) return stopped;
  } finally {
    const signal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS);
    for (const leftover of baseline.leftovers) await removeLeftover(leftover, ports, signal);
  }
  const stale = plan.configEdit === undefined ? await findStaleDaemon(host.config, context) : [];
  const checked = { ...plan, issues: [...plan.issues, ...stale] };
  const observedConfig = host.config.file?.bytes;
  const done = {
    ...target,
    planned,
    plan: checked,
    drift,
    contests,
    failedBefore,
    observedConfig,
    tracesWaitMs,
  };
  return finishPass(done, context, progress);
}

const CLEANUP_TIMEOUT_MS = 30_000;

function restarts({ steps }: NodePlan): boolean {
  return steps.some(({ kind }) => kind === "restart-containerd");
}

/** Files are to be changed whose originals have to be kept first. */
function replacesOthers({ steps }: NodePlan): boolean {
  return steps.some(({ kind }) => kind === "edit-config" || kind === "keep-originals");
}

function waiting(waitMs: number): Pick<TracingPlan, "state" | "message"> {
  const seconds = Math.ceil(waitMs / 1000);
  return {
    state: "pending",
    message: `containerd has to be restarted for it once, which the restart budget allows in ${seconds} s`,
  };
}

/**
 * No restart loop: bytes of config.toml that failed once are not tried again until a person or a new state asks,
 * and no others either where containerd was not well on the old ones.
 */
function isFailedConfig({ configEdit }: NodePlan, record: ApplyRecord, sha256: Ports["sha256"]): boolean {
  if (configEdit === undefined || record.quarantine === undefined) return false;
  return record.quarantine.degraded || record.quarantine.configDigest === sha256(configEdit.after);
}

/** A change that had traces in it left containerd broken on what was there before, too: a new state mends nothing. */
function isBroken({ configEdit, tracing }: NodePlan, { tracesQuarantine }: ApplyRecord): boolean {
  return configEdit !== undefined && tracing?.hasOwnEdit !== true && tracesQuarantine?.degraded === true;
}

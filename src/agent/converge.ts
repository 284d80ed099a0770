import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import type { NodePlan } from "../core/plan/node-plan.ts";
import { planNode } from "../core/plan/plan-node.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { pullBaseline, removeLeftover } from "./canary.ts";
import { changeConfig } from "./change-config.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { ConfigChange, ConfigOutcome } from "./config-change.ts";
import { findContests, findDrift } from "./drift.ts";
import { describeStep, executeStep, isFileStep } from "./execute.ts";
import { findStaleDaemon } from "./find-stale-daemon.ts";
import { finishPass } from "./finish-pass.ts";
import { withFormerRoots } from "./former-roots.ts";
import { observeHost } from "./observe-host.ts";
import {
  configContext,
  type PassContext,
  type PassResult,
  type Progress,
  planSettings,
} from "./pass-context.ts";
import { deferred } from "./pass-results.ts";
import type { Ports } from "./ports.ts";
import { restartWaitMs } from "./restart-budget.ts";
import { takeBack } from "./take-back.ts";
import { waits, withoutPaths } from "./without-paths.ts";

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
  const { ports, config } = context;
  const record = progress.record as ApplyRecord;
  const host = await observeHost(ports, config, version);
  const planned = planNode(desired, host, planSettings(choice, context));
  const drift = choice.fresh
    ? []
    : findDrift(planned.changes, record, config.containerd.config, ports.sha256);
  const contests = findContests(drift, record.repairs, ports.clock);
  const mayTry = choice.fresh || context.retryQuarantined;
  const failedBefore = !mayTry && isFailedConfig(planned, record, ports.sha256);
  const leftAlone = contests.map((contest) => contest.path);
  const possible = withoutPaths(
    planned,
    new Set(failedBefore ? [...leftAlone, config.containerd.config] : leftAlone),
  );
  const isSwitched = planned.configEdit === undefined || possible.configEdit !== undefined;
  const plan = isSwitched ? await withFormerRoots(possible, host, record, context) : possible;

  const waitMs =
    plan.configEdit !== undefined && context.mayRestart ? restartWaitMs(record.restarts, ports.clock) : 0;
  // A credential that leaves hosts.toml has to be in config.toml at once, or the mirror refuses every pull.
  const moving = choice.criCredentialHosts.some((host) => !record.criCredentialHosts.includes(host));
  if (waitMs > 0 && moving) return deferred(waitMs);
  const canaries = plan.configEdit === undefined || waitMs > 0 ? [] : desired.canaries;
  const baseline = await pullBaseline(canaries, ports, context.signal);
  try {
    const stopped = await execute(plan, baseline.works, target, context, progress);
    if (stopped !== undefined) return stopped;
  } finally {
    const signal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS);
    for (const leftover of baseline.leftovers) await removeLeftover(leftover, ports, signal);
  }
  const stale = plan.configEdit === undefined ? await findStaleDaemon(host.config, context) : [];
  const checked = { ...plan, issues: [...plan.issues, ...stale] };
  return finishPass(
    {
      choice,
      desired,
      version,
      planned,
      plan: checked,
      drift,
      contests,
      failedBefore,
      observedConfig: host.config.file?.bytes,
    },
    context,
    progress,
  );
}

const CLEANUP_TIMEOUT_MS = 30_000;

/**
 * A pull that has read the old hosts.toml opens the CA it names a moment later, and a CA that is gone fails the
 * whole pull: superseded files stay that long.
 */
const SETTLE_MS = 250;

/** Carries the steps out in their order. A result: the pass ends here. */
async function execute(
  { steps, migrated }: NodePlan,
  canaries: readonly string[],
  target: Target,
  context: PassContext,
  progress: Progress,
): Promise<PassResult | undefined> {
  const { ports, state } = context;
  for (const step of steps) {
    context.signal.throwIfAborted();
    if (step.kind === "restart-containerd") continue; // part of changing config.toml
    // Written without a restart: the daemon still reads what the config.toml before named.
    if (waits(step) && progress.record?.pendingRestart !== undefined) continue;
    if (step.kind === "remove-files") await ports.clock.sleep(SETTLE_MS, context.signal);
    if (isFileStep(step)) await executeStep(step, { files: ports.files, state });
    else {
      const outcome = await editConfig(
        step,
        { choice: target.choice, canaries, migrated },
        context,
        progress,
      );
      if (outcome.kind === "deferred" && context.mayRestart) return deferred(outcome.waitMs);
      if (outcome.kind !== "restarted" && outcome.kind !== "deferred")
        return takeBack({ step, outcome }, target, context, progress);
    }
    const done = describeStep(step);
    ports.log.debug({ step: done }, "step done");
    progress.done.push(done);
  }
  return undefined;
}

/**
 * No restart loop: bytes of config.toml that failed once are not tried again until a person or a new state asks,
 * and no others either where containerd was not well on the old ones.
 */
function isFailedConfig(
  { configEdit }: NodePlan,
  { quarantine }: ApplyRecord,
  sha256: Ports["sha256"],
): boolean {
  if (configEdit === undefined || quarantine === undefined) return false;
  return quarantine.degraded || quarantine.configDigest === sha256(configEdit.after);
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

async function editConfig(
  step: EditConfigStep,
  { choice, canaries, migrated }: { choice: Choice } & Pick<ConfigChange, "canaries" | "migrated">,
  context: PassContext,
  progress: Progress,
): Promise<ConfigOutcome> {
  const record = progress.record as ApplyRecord;
  const waitMs = context.mayRestart ? restartWaitMs(record.restarts, context.ports.clock) : 0;
  // Writing config.toml now and restarting later would leave a change that any restart by others puts in force
  // without the gate; so the edit waits with the restart.
  if (waitMs > 0) return { kind: "deferred", waitMs };
  await waitUntilQuiet(step.path, context);
  const { config } = context;
  const change = {
    step,
    reason: `${step.path} changed`,
    digest: choice.digest,
    generation: choice.desired?.generation ?? 0,
    canaries,
    migrated,
    ...(config.style === "certs.d" ? { configPath: config.containerd.certsD } : {}),
  };
  const result = await changeConfig(record, change, configContext(context, progress));
  progress.record = result.record;
  return result.outcome;
}

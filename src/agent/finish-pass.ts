import { mirrorUrl, type Registry } from "../core/desired-state/desired-state.ts";
import type { WatchedRegistry } from "../core/evidence/evidence-report.ts";
import { mapGradually } from "../core/gradual.ts";
import { hasErrors } from "../core/issue.ts";
import type { NodePlan } from "../core/plan/node-plan.ts";
import type { ApplyRecord, TracesRecord } from "./apply-record.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { Target } from "./converge.ts";
import { type Contest, type findDrift, withRepairs } from "./drift.ts";
import { diffOf } from "./execute.ts";
import { stillInFormerRoots } from "./former-roots.ts";
import { conditionsOf } from "./pass-conditions.ts";
import type { PassContext, PassResult, Progress } from "./pass-context.ts";
import type { Clock } from "./ports.ts";
import { isReady, type PassOutcome } from "./report.ts";
import { isTakenBack, reportTracing, tracesInForce } from "./report-tracing.ts";
import { recordSigned } from "./serial-floors.ts";
import { showChanges } from "./show-changes.ts";
import { inTurns } from "./take-turns.ts";
import { trialLeftMs } from "./trial.ts";

/** A plan that has been carried out. */
export interface Converged extends Target {
  readonly planned: NodePlan;
  readonly plan: NodePlan;
  readonly drift: ReturnType<typeof findDrift>;
  readonly contests: readonly Contest[];
  readonly failedBefore: boolean;
  /** config.toml as the pass found it. */
  readonly observedConfig: Uint8Array | undefined;
  /** Until when traces wait for the restart budget. */
  readonly tracesWaitMs: number | undefined;
}

/** Records what is in force now and says how the node stands. */
export async function finishPass(
  converged: Converged,
  context: PassContext,
  progress: Progress,
): Promise<PassResult> {
  const { choice, desired, planned, plan, drift, contests, failedBefore, tracesWaitMs } = converged;
  const { ports, state } = context;
  const repaired = drift.filter(({ path }) => plan.changes.some((change) => change.path === path));
  const before = progress.record as ApplyRecord;
  const repairedPaths = repaired.map(({ path }) => path);
  const next: ApplyRecord = {
    ...(await nextRecord(withTrouble(before, plan, progress, ports.clock), converged, context, progress)),
    repairs: repaired.length === 0 ? before.repairs : withRepairs(before.repairs, repairedPaths, ports.clock),
  };
  const isWanted = choice.rejection === undefined;
  if (choice.fresh || (isWanted && (await state.loadLastKnownGood()) === undefined))
    await state.saveLastKnownGood(desired);
  const nowMs = ports.clock.now();
  const conditions = conditionsOf({ choice, plan, contests, record: next, failedBefore, nowMs });
  // What may still be taken back closes nothing out.
  const isOnTrial = trialLeftMs(next, ports.clock) > 0 || choice.feed?.isSoaked === false;
  const isWell = isReady({ conditions }) && !isOnTrial;
  const record = await withSigned(next, choice, isWell, context);
  if (JSON.stringify(record) !== JSON.stringify(before)) await state.saveRecord(record);
  progress.record = record;
  const outcome = outcomeOf(choice, plan, repaired.length > 0, isTakenBack(plan, record));
  const retry = [choice.retryMs, tracesWaitMs, ...contests.map((contest) => contest.waitMs)].filter(
    (ms) => ms !== undefined,
  );
  const tracing = reportTracing(plan, record, progress);
  return {
    outcome,
    conditions,
    observedGeneration: record.generation,
    ...(record.signed === undefined ? {} : { signed: record.signed }),
    issues: [...choice.issues, ...plan.issues],
    conflicts: plan.conflicts,
    drift: repaired.map((change) => ({ path: change.path, diff: diffOf(change) })),
    changed: showChanges(plan.changes, context.config.containerd.config),
    registries: desired.registries.map(watched),
    ...(tracing === undefined ? {} : { tracing }),
    canaries: desired.canaries,
    ownedDirectories: planned.rendered.map((registry) => registry.directory),
    inSync:
      contests.length === 0 &&
      !failedBefore &&
      plan.conflicts.length === 0 &&
      plan.problems.length === 0 &&
      !hasErrors(plan.issues),
    ...(record.appliedMs === undefined ? {} : { appliedMs: record.appliedMs }),
    ...(retry.length === 0 ? {} : { retryMs: Math.min(...retry) }),
  };
}

/** Who has signed what is in force now; while something else is refused, that stays as it was. */
async function withSigned(
  record: ApplyRecord,
  { rejection, kept, verified }: Choice,
  isWell: boolean,
  context: PassContext,
): Promise<ApplyRecord> {
  if (rejection !== undefined || kept !== undefined) return record;
  const { signed, ...rest } = record;
  if (verified === undefined) return rest;
  return { ...rest, signed: await recordSigned(verified, isWell, record, context) };
}

function watched({ namespace, mirrors, upstream }: Registry): WatchedRegistry {
  const resolves = mirrors.some(({ capabilities }) => capabilities.includes("resolve"));
  return { namespace, mirrors: mirrors.map(mirrorUrl), upstream, ...(resolves ? {} : { pullOnly: true }) };
}

function outcomeOf(choice: Choice, plan: NodePlan, repaired: boolean, takenBack: boolean): PassOutcome {
  if (choice.rejection !== undefined) return "rejected";
  if (choice.fresh) return "applied";
  if (takenBack) return "rolled-back";
  if (repaired) return "repaired";
  return plan.steps.length > 0 ? "applied" : "unchanged";
}

/** What a pass could not write; it stays until a later one has switched traces. */
function withTrouble(
  record: ApplyRecord,
  { tracing }: NodePlan,
  { tracesTrouble: message }: Pick<Progress, "tracesTrouble">,
  clock: Clock,
): ApplyRecord {
  const { tracesTrouble, ...rest } = record;
  if (message !== undefined)
    return { ...rest, tracesTrouble: { message, bootId: clock.bootId, uptimeMs: clock.uptimeMs() } };
  return tracesTrouble === undefined || tracing?.step === undefined ? record : rest;
}

/** The order of the keys stays, so that an equal record is told from a new one. */
function withTraces(record: ApplyRecord, traces: TracesRecord | undefined): ApplyRecord {
  if (traces !== undefined) return { ...record, traces };
  const { traces: _gone, ...rest } = record;
  return rest;
}

async function nextRecord(
  record: ApplyRecord,
  { choice, desired, version, planned, plan, failedBefore, observedConfig }: Converged,
  context: PassContext,
  progress: Progress,
): Promise<ApplyRecord> {
  const { ports, config } = context;
  const isWanted = planned.configEdit !== undefined && planned.tracing?.hasOwnEdit !== true;
  const leftAlone = isWanted && plan.configEdit === undefined;
  // Not read again: what somebody wrote since this pass looked is theirs, and the next pass has to see it as that.
  const inForce = plan.configEdit?.after ?? observedConfig;
  const configBytes = leftAlone ? undefined : inForce;
  const blocked = new Set(planned.conflicts.map(({ namespace }) => namespace));
  const written = planned.rendered.filter(({ namespace }) => !blocked.has(namespace));
  const owned = written.flatMap(({ hostsToml, pemFiles }) => [hostsToml, ...pemFiles]);
  const former = await stillInFormerRoots(record, config.containerd.certsD, ports.files);
  const digests = mapGradually(owned, ({ path, bytes }) => [path, ports.sha256(bytes)] as const);
  const files = Object.fromEntries(await inTurns(digests, ports.clock));
  const { quarantine, tries, ...rest } = withTraces(
    record,
    await tracesInForce(plan, record, progress, ports.containerd),
  );
  // A rejected desired state stays in quarantine until another one is put in force, or what failed has come right.
  const cameRight =
    quarantine?.digest === choice.digest && !failedBefore && !leftAlone && !hasErrors(plan.issues);
  const isOver = (choice.fresh && choice.rejection === undefined) || cameRight;
  return {
    ...rest,
    ...(quarantine === undefined || isOver ? {} : { quarantine }),
    // The last good state in force says nothing about the one that was tried.
    ...(tries === undefined || choice.rejection === undefined ? {} : { tries }),
    digest: choice.digest,
    generation: desired.generation,
    ...(choice.fresh ? { appliedMs: ports.clock.now() } : {}),
    namespaces: desired.registries.map((registry) => registry.namespace),
    files: { ...former, ...files },
    migrated: planned.migrated,
    containerdVersion: version.text,
    criCredentialHosts: choice.criCredentialHosts,
    undecidedHosts: choice.undecidedHosts,
    ...(configBytes === undefined ? {} : { configDigest: ports.sha256(configBytes) }),
  };
}

import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { isOwned } from "../core/file-tree.ts";
import type { HostState } from "../core/host-state.ts";
import type { PlanSettings } from "../core/plan/node-plan.ts";
import { planCerts } from "../core/plan/plan-certs.ts";
import { planNodeGradually } from "../core/plan/plan-node.ts";
import type { EditConfigStep, Step } from "../core/plan/step.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { ConfigOutcome } from "./config-change.ts";
import type { Target } from "./converge.ts";
import { describeGeneration } from "./describe-generation.ts";
import { executeStep, isFileStep } from "./execute.ts";
import { observeHost } from "./observe-host.ts";
import { takenBack } from "./pass-conditions.ts";
import { type PassContext, type PassResult, type Progress, planSettings } from "./pass-context.ts";
import { inTurns, type TurnClock } from "./take-turns.ts";
import { waits } from "./without-paths.ts";
import { identityFor } from "./witness-keeper.ts";

type Failure = Extract<ConfigOutcome, { kind: "refused" | "rolled-back" | "degraded" }>;

/** The configuration failed: certs.d goes back to what it was under the last good state, or to nothing of ours. */
export async function takeBack(
  { step, outcome }: { step: EditConfigStep; outcome: Failure },
  { choice, version }: Target,
  context: PassContext,
  progress: Progress,
): Promise<PassResult> {
  if (outcome.kind === "refused") await quarantineRefused(step, outcome.message, choice, context, progress);
  await undoFiles(choice, version, context, progress);
  const message = `${describeGeneration(choice.desired?.generation ?? 0)} was taken back: ${outcome.message}`;
  return {
    outcome: outcome.kind === "refused" ? "rejected" : "rolled-back",
    conditions: [
      ...(outcome.kind === "refused" ? [] : takenBack(message, outcome.kind === "degraded")),
      { type: "Stalled", message: `${message}; it is not tried again until it changes` },
    ],
    issues: choice.issues,
    inSync: outcome.kind !== "degraded",
  };
}

/** What containerd refused beforehand was never tried; the record of what was tried says so already. */
async function quarantineRefused(
  step: EditConfigStep,
  message: string,
  choice: Choice,
  { ports, state }: PassContext,
  progress: Progress,
): Promise<void> {
  const record: ApplyRecord = {
    ...(progress.record as ApplyRecord),
    quarantine: {
      digest: choice.digest,
      configDigest: ports.sha256(step.after),
      generation: choice.desired?.generation ?? 0,
      message,
      sinceMs: ports.clock.now(),
      degraded: false,
      undone: false,
    },
  };
  await state.saveRecord(record);
  progress.record = record;
}

/**
 * After a failed configuration: certs.d as the last good state wants it; without one, without anything of ours.
 * Noted in the record, so that what a crash left half way is taken up here, not as a change by somebody else.
 */
export async function undoFiles(
  choice: Choice,
  version: ContainerdVersion,
  context: PassContext,
  progress: Progress,
): Promise<void> {
  const { ports, state, config } = context;
  const record = progress.record as ApplyRecord;
  if (record.quarantine === undefined || record.quarantine.undone) return;
  const good = await state.loadLastKnownGood();
  const host = await observeHost(ports, config, version);
  // Credentials go the way they went under the state that is put back.
  const before = { ...choice, criCredentialHosts: record.criCredentialHosts };
  const settings = planSettings(before, context, await identityFor(context));
  for (const step of await stepsBack({ good, host, settings, record }, ports.clock))
    if (isFileStep(step)) await executeStep(step, { ports, state });
  progress.record = { ...record, quarantine: { ...record.quarantine, undone: true } };
  await state.saveRecord(progress.record);
}

interface Former {
  readonly good: DesiredState | undefined;
  readonly host: HostState;
  readonly settings: PlanSettings;
  readonly record: ApplyRecord;
}

async function stepsBack(
  { good, host, settings, record }: Former,
  clock: TurnClock,
): Promise<readonly Step[]> {
  if (good !== undefined) {
    const { steps, configEdit } = await inTurns(planNodeGradually(good, host, settings), clock);
    // config.toml is back on its old bytes, so what those name stays.
    return configEdit === undefined ? steps : steps.filter((step) => !waits(step));
  }
  // What is in force is not known any more: taking it away could open an upstream.
  if (record.digest !== undefined) return [];
  // What a plan for "nothing" would still move out of config.toml stays in there.
  return removeOurs(host);
}

function removeOurs({ certsD, legacyFiles }: HostState): readonly Step[] {
  const certs = planCerts([], certsD, { adopt: false, kept: [], dropMoved: true });
  const paths = legacyFiles.files.filter((file) => isOwned(file.bytes)).map((file) => file.path);
  return paths.length === 0 ? certs.removals : [...certs.removals, { kind: "remove-files", paths }];
}

import type { ContainerdVersion } from "../core/containerd/version.ts";
import { isOwned } from "../core/file-tree.ts";
import type { HostState } from "../core/host-state.ts";
import { planCerts } from "../core/plan/plan-certs.ts";
import { planNode } from "../core/plan/plan-node.ts";
import type { EditConfigStep, Step } from "../core/plan/step.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { ConfigOutcome } from "./change-config.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { Target } from "./converge.ts";
import { executeStep, isFileStep } from "./execute.ts";
import { observeHost } from "./observe-host.ts";
import { type PassContext, type PassResult, type Progress, planSettings } from "./pass-context.ts";
import type { ConditionType } from "./report.ts";

type Failure = Extract<ConfigOutcome, { message: string }>;

/** The configuration failed: certs.d goes back to what it was under the last good state, or to nothing of ours. */
export async function takeBack(
  { step, outcome }: { step: EditConfigStep; outcome: Failure },
  { choice, version }: Target,
  context: PassContext,
  progress: Progress,
): Promise<PassResult> {
  if (outcome.kind === "refused") await quarantineRefused(step, outcome.message, choice, context, progress);
  await revertFiles(choice, version, context);
  const message = `generation ${choice.desired?.generation ?? 0} was taken back: ${outcome.message}`;
  return {
    outcome: outcome.kind === "refused" ? "rejected" : "rolled-back",
    conditions: CONDITIONS[outcome.kind].map((type) => ({ type, message: messageFor(type, message) })),
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
    },
  };
  await state.saveRecord(record);
  progress.record = record;
}

const CONDITIONS: Readonly<Record<Failure["kind"], readonly ConditionType[]>> = {
  refused: ["Stalled"],
  "rolled-back": ["RolledBack", "Stalled"],
  degraded: ["RolledBack", "Degraded", "Stalled"],
};

function messageFor(type: ConditionType, message: string): string {
  return type === "Stalled" ? `${message}; it is not tried again until it changes` : message;
}

/** certs.d as the last good state wants it; without one, without anything of ours. */
export async function revertFiles(
  choice: Choice,
  version: ContainerdVersion,
  context: PassContext,
): Promise<void> {
  const { ports, state, config } = context;
  const good = await state.loadLastKnownGood();
  const host = await observeHost(ports, config, version);
  const settings = planSettings(choice, context);
  // What a plan for "nothing" would still move out of config.toml stays in there.
  const steps = good === undefined ? removeOurs(host) : planNode(good, host, settings).steps;
  for (const step of steps) if (isFileStep(step)) await executeStep(step, { files: ports.files, state });
}

function removeOurs({ certsD, legacyFiles }: HostState): readonly Step[] {
  const certs = planCerts([], certsD, { adopt: false, kept: [] });
  const paths = legacyFiles.files.filter((file) => isOwned(file.bytes)).map((file) => file.path);
  return paths.length === 0 ? certs.removals : [...certs.removals, { kind: "remove-files", paths }];
}

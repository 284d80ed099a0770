import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { planNode } from "../core/plan/plan-node.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
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
  const { ports, state } = context;
  const record: ApplyRecord = {
    ...(progress.record as ApplyRecord),
    migrated: choice.migratedBefore,
    quarantine: {
      digest: choice.digest,
      configDigest: ports.sha256(step.after),
      generation: choice.desired?.generation ?? 0,
      message: outcome.message,
      sinceMs: ports.clock.now(),
    },
  };
  await state.saveRecord(record);
  progress.record = record;
  await revertFiles(choice, version, context);
  const message = `generation ${choice.desired?.generation ?? 0} was taken back: ${outcome.message}`;
  return {
    outcome: outcome.kind === "refused" ? "rejected" : "rolled-back",
    conditions: CONDITIONS[outcome.kind].map((type) => ({ type, message: messageFor(type, message) })),
    issues: choice.issues,
    inSync: outcome.kind !== "degraded",
  };
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
  const good = (await state.loadLastKnownGood()) ?? NOTHING;
  const host = await observeHost(ports, config, version);
  const plan = planNode(good, host, planSettings(choice, context));
  for (const step of plan.steps) if (isFileStep(step)) await executeStep(step, { files: ports.files, state });
}

const NOTHING: DesiredState = {
  generation: 0,
  registries: [],
  upstreamCredentials: [],
  canaries: [],
  allowMassRemoval: true,
};

import type { Issue } from "../core/issue.ts";
import { planNode } from "../core/plan/plan-node.ts";
import type { Step } from "../core/plan/step.ts";
import { choose } from "./choose-desired-state.ts";
import { describeStep, diffOf } from "./execute.ts";
import { withFormerRoots } from "./former-roots.ts";
import { hideForeseen } from "./hide-foreseen.ts";
import { holdTracing } from "./hold-tracing.ts";
import { observeHost } from "./observe-host.ts";
import { observeTracing } from "./observe-tracing.ts";
import { conditionsOf } from "./pass-conditions.ts";
import { type PassContext, planSettings } from "./pass-context.ts";
import type { Condition, TracingReport } from "./report.ts";

/** What a pass would do now. Holds no secret. */
export interface DryRun {
  readonly steps: readonly { readonly kind: Step["kind"]; readonly text: string }[];
  readonly diffs: readonly { readonly path: string; readonly diff: string }[];
  readonly restarts: boolean;
  readonly conditions: readonly Condition[];
  readonly issues: readonly Issue[];
  /** How traces stand before the steps. */
  readonly tracing?: TracingReport;
}

/** The pass up to the point where it would touch something: the same source, checks, planner and conditions. */
export async function dryRun(context: PassContext): Promise<DryRun> {
  const { ports, state, config } = context;
  const { record } = await state.loadRecord();
  const version = await ports.containerd.version();
  if (version === undefined)
    return nothing({
      type: "Reconciling",
      message: `${config.containerd.binary} --version does not answer: nothing is written until it is known which containerd will read it`,
    });
  const choice = await choose(await context.load(), record, context);
  if (choice.desired === undefined)
    return nothing(
      { type: "Stalled", message: choice.rejection ?? "there is no desired state" },
      choice.issues,
    );
  const host = await observeTracing(await observeHost(ports, config, version), record, context);
  const foreseen = await context.witness?.foresee();
  const planned = planNode(choice.desired, host, planSettings(choice, context, foreseen?.identity, record));
  const whole = await withFormerRoots(planned, host, record, context);
  const plan = await holdTracing(whole, host, record, context);
  const hidden = hideForeseen(
    foreseen?.isNew === true ? foreseen.identity.certificate : undefined,
    plan.changes,
  );
  return {
    steps: plan.steps.map((step) => ({ kind: step.kind, text: hidden.text(describeStep(step)) })),
    diffs: plan.changes.map(hidden.change).map((change) => ({ path: change.path, diff: diffOf(change) })),
    restarts: context.mayRestart && plan.steps.some(({ kind }) => kind === "restart-containerd"),
    conditions: conditionsOf({
      choice,
      plan,
      contests: [],
      record,
      failedBefore: false,
      nowMs: ports.clock.now(),
    }),
    issues: [...choice.issues, ...plan.issues],
    ...(plan.tracing && { tracing: { state: plan.tracing.state, message: plan.tracing.message } }),
  };
}

function nothing(condition: Condition, issues: readonly Issue[] = []): DryRun {
  return { steps: [], diffs: [], restarts: false, conditions: [condition], issues };
}

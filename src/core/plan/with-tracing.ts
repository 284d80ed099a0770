import type { NodePlan, TracingPlan } from "./node-plan.ts";
import type { FileChange } from "./plan-certs.ts";
import type { EditConfigStep, Step, SwitchTracesStep, TextChange } from "./step.ts";

/** One plan with at most one restart: for config.toml and for traces together where both change. */
export function withTracing(plan: NodePlan, tracing: TracingPlan | undefined): NodePlan {
  if (tracing === undefined) return plan;
  const { step } = tracing;
  const issues = [...plan.issues, ...tracing.issues];
  if (step === undefined) return { ...plan, issues, tracing };
  const changes = [...plan.changes, ...step.files.filter(differs).map(toChange)];
  return { ...plan, steps: joinSteps(plan, step), changes, issues, tracing };
}

/** The plan without what is done for traces alone: their step, their change of config.toml, their restart. */
export function withoutTracing(plan: NodePlan, change: Pick<TracingPlan, "state" | "message">): NodePlan {
  const { tracing } = plan;
  if (tracing?.step === undefined) return plan;
  const configEdit = tracing.hasOwnEdit === true ? undefined : plan.configEdit;
  const own = tracing.hasOwnEdit === true ? [plan.configEdit?.path] : [];
  const paths = new Set([...tracing.step.files.map(({ place }) => place.path), ...own]);
  const reason = restartReason(configEdit, undefined);
  return {
    ...plan,
    configEdit,
    steps: plan.steps.flatMap((step): readonly Step[] => {
      if (step.kind === "switch-traces" || (step.kind === "edit-config" && configEdit === undefined))
        return [];
      if (step.kind !== "restart-containerd") return [step];
      return reason === undefined ? [] : [{ ...step, reason }];
    }),
    changes: plan.changes.filter(({ path }) => !paths.has(path)),
    tracing: { ...tracing, ...change, step: undefined },
  };
}

/** Whether containerd would be restarted for traces and for nothing else. */
export function restartsForTraces({ tracing, configEdit }: NodePlan): boolean {
  if (tracing?.step?.needsRestart !== true) return false;
  return configEdit === undefined || tracing.hasOwnEdit === true;
}

/** What containerd is restarted for; undefined: it is not. */
export function restartReason(
  edit: EditConfigStep | undefined,
  traces: SwitchTracesStep | undefined,
): string | undefined {
  const reasons = [
    ...(edit === undefined ? [] : [`${edit.path} changed`]),
    ...(traces?.needsRestart === true ? [`traces are switched ${traces.to}`] : []),
  ];
  return reasons.length === 0 ? undefined : reasons.join(", and ");
}

function joinSteps({ steps, configEdit }: NodePlan, step: SwitchTracesStep): readonly Step[] {
  const reason = restartReason(configEdit, step);
  if (reason === undefined) return [...steps, step];
  const restart: Step = { kind: "restart-containerd", reason };
  const index = steps.findIndex(({ kind }) => kind === "restart-containerd");
  if (index === -1) return [...steps, step, restart];
  return [...steps.slice(0, index), step, restart, ...steps.slice(index + 1)];
}

function differs({ before, after }: TextChange): boolean {
  return before !== after;
}

function toChange({ place, before, after }: TextChange): FileChange {
  const bytes = (text: string | undefined) =>
    text === undefined ? undefined : new TextEncoder().encode(text);
  return { path: place.path, before: bytes(before), after: bytes(after), secret: false };
}

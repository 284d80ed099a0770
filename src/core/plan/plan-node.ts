import type { DesiredState } from "../desired-state/desired-state.ts";
import { atOnce, type Gradual } from "../gradual.ts";
import type { HostState } from "../host-state.ts";
import { equalBytes } from "./equal-bytes.ts";
import type { NodePlan, PlanSettings } from "./node-plan.ts";
import { planCertsStyle } from "./plan-certs-style.ts";
import { planLegacyStyle } from "./plan-legacy-style.ts";
import { planTracing } from "./plan-tracing.ts";
import { withTracing } from "./with-tracing.ts";

/** The one planner: `plan`, `apply` and the agent all get their steps from here. */
export function planNode(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  return atOnce(planNodeGradually(desired, host, settings));
}

/** For those on whom others wait: a thousand registries take a quarter of a second. */
export function* planNodeGradually(
  desired: DesiredState,
  host: HostState,
  settings: PlanSettings,
): Gradual<NodePlan> {
  const plan = yield* planStyle(desired, host, settings);
  const tracing = planTracing(host, settings, plan.configEdit !== undefined);
  if (tracing?.receiver === undefined) return withTracing(plan, tracing);
  const edited = yield* planStyle(desired, host, { ...settings, receiver: tracing.receiver });
  if (!changesMore(edited, plan)) {
    const message = `${host.config.path} cannot be changed for it now`;
    return withTracing(plan, { ...tracing, state: "unavailable", message, step: undefined });
  }
  return withTracing(edited, { ...tracing, hasOwnEdit: plan.configEdit === undefined });
}

function* planStyle(desired: DesiredState, host: HostState, settings: PlanSettings): Gradual<NodePlan> {
  if (settings.style === "legacy") return planLegacyStyle(desired, host, settings);
  return yield* planCertsStyle(desired, host, settings);
}

function changesMore({ configEdit: edited }: NodePlan, { configEdit: plain }: NodePlan): boolean {
  if (edited === undefined) return false;
  return plain === undefined || !equalBytes(edited.after, plain.after);
}

import type { DesiredState } from "../desired-state/desired-state.ts";
import type { HostState } from "../host-state.ts";
import type { NodePlan, PlanSettings } from "./node-plan.ts";
import { planCertsStyle } from "./plan-certs-style.ts";
import { planLegacyStyle } from "./plan-legacy-style.ts";
import { planTracing } from "./plan-tracing.ts";
import { withTracing } from "./with-tracing.ts";

/** The one planner: `plan`, `apply` and the agent all get their steps from here. */
export function planNode(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  const plan =
    settings.style === "legacy"
      ? planLegacyStyle(desired, host, settings)
      : planCertsStyle(desired, host, settings);
  return withTracing(plan, planTracing(host, settings, plan.configEdit !== undefined));
}

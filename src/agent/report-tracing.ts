import type { NodePlan } from "../core/plan/node-plan.ts";
import { TRACES_ON } from "../core/plan/switch-traces-on.ts";
import { tracesTakenBack } from "../core/plan/tracing-issues.ts";
import type { ApplyRecord, TracesRecord } from "./apply-record.ts";
import type { Progress } from "./pass-context.ts";
import type { Containerd } from "./ports.ts";
import type { TracingReport } from "./report.ts";

/** How traces stand now that the steps are done. */
export function reportTracing(
  plan: NodePlan,
  record: ApplyRecord,
  { tracesTrouble }: Pick<Progress, "tracesTrouble">,
): TracingReport | undefined {
  const { tracing } = plan;
  if (tracing === undefined) return undefined;
  const { state, message, step } = tracing;
  if (tracesTrouble !== undefined)
    return { state: "unavailable", message: `traces could not be switched: ${tracesTrouble}` };
  if (step === undefined || !isRestarted(plan)) return { state, message };
  const failed = record.tracesQuarantine;
  if (failed?.digest === step.digest)
    return {
      state: "unavailable",
      message: failed.takenBack
        ? tracesTakenBack(failed.message)
        : `containerd sends no traces: ${failed.message}`,
    };
  if (record.pendingRestart?.traces !== undefined) return { state: "pending", message };
  return step.to === "on" ? { state: "on", message: TRACES_ON } : { state, message };
}

/**
 * What the record is to say of our file. A restart has noted it already; what waits, or could not be written, has
 * changed nothing.
 */
export async function tracesInForce(
  plan: NodePlan,
  { traces }: ApplyRecord,
  { tracesTrouble }: Pick<Progress, "tracesTrouble">,
  containerd: Pick<Containerd, "instance">,
): Promise<TracesRecord | undefined> {
  const { tracing } = plan;
  if (tracing === undefined || tracing.state === "pending" || tracesTrouble !== undefined) return traces;
  if (tracing.step !== undefined && isRestarted(plan)) return traces;
  const { inForce, state } = tracing;
  if (inForce === undefined || state !== "on") return inForce;
  const seenIn = await containerd.instance();
  return { ...inForce, ...(seenIn === undefined ? {} : { seenIn }) };
}

/** Whether this pass tried to switch traces, and took that back. */
export function isTakenBack(plan: NodePlan, { tracesQuarantine: failed }: ApplyRecord): boolean {
  const step = plan.tracing?.step;
  return (
    step !== undefined && isRestarted(plan) && failed?.takenBack === true && failed.digest === step.digest
  );
}

function isRestarted({ steps }: NodePlan): boolean {
  return steps.some(({ kind }) => kind === "restart-containerd");
}

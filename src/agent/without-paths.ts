import type { NodePlan } from "../core/plan/node-plan.ts";
import type { Step } from "../core/plan/step.ts";
import { restartReason, withoutTracing } from "../core/plan/with-tracing.ts";

/** The plan without anything that touches the given paths, and without a restart that nothing of the rest needs. */
export function withoutPaths(planned: NodePlan, paths: ReadonlySet<string>): NodePlan {
  if (paths.size === 0) return planned;
  const plan = withoutContestedTraces(planned, paths);
  const keepsConfig = plan.configEdit === undefined || !paths.has(plan.configEdit.path);
  const configEdit = keepsConfig ? plan.configEdit : undefined;
  const reason = restartReason(configEdit, plan.tracing?.step);
  return {
    ...plan,
    configEdit,
    changes: plan.changes.filter((change) => !paths.has(change.path)),
    steps: plan.steps.flatMap((step) =>
      waits(step) && !keepsConfig ? [] : without(step, paths, { keepsConfig, reason }),
    ),
  };
}

function withoutContestedTraces(plan: NodePlan, paths: ReadonlySet<string>): NodePlan {
  const step = plan.tracing?.step;
  const own = step?.isInConfig === true ? [plan.configEdit?.path ?? ""] : [];
  const contested = [...(step?.files ?? []).map(({ place }) => place.path), ...own].find((path) =>
    paths.has(path),
  );
  if (contested === undefined) return plan;
  const message = `${contested} is left as it is for now`;
  return withoutTracing(plan, { state: "pending", message });
}

/** True for what must stay while the config.toml of the plan is not in force. */
export function waits(step: Step): boolean {
  return "afterEdit" in step && step.afterEdit === true;
}

interface Kept {
  readonly keepsConfig: boolean;
  /** Of the restart; undefined: none is needed any more. */
  readonly reason: string | undefined;
}

function without(step: Step, paths: ReadonlySet<string>, { keepsConfig, reason }: Kept): readonly Step[] {
  switch (step.kind) {
    case "edit-config":
      return keepsConfig ? [step] : [];
    case "restart-containerd":
      return reason === undefined ? [] : [{ ...step, reason }];
    case "switch-traces":
      return [step];
    case "write-files": {
      const files = step.files.filter((file) => !paths.has(file.path));
      return files.length === 0 ? [] : [{ ...step, files }];
    }
    case "create-directories": {
      const free = step.directories.filter(({ files }) => files.every((file) => !paths.has(file.path)));
      return free.length === 0 ? [] : [{ ...step, directories: free }];
    }
    case "keep-originals":
    case "remove-files": {
      const free = step.paths.filter((path) => !paths.has(path));
      return free.length === 0 ? [] : [{ ...step, paths: free }];
    }
    case "remove-directories":
      return [step];
    default:
      return step satisfies never;
  }
}

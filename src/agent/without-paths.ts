import type { NodePlan } from "../core/plan/node-plan.ts";
import type { Step } from "../core/plan/step.ts";

/** The plan without anything that touches the given paths; without config.toml there is no restart either. */
export function withoutPaths(plan: NodePlan, paths: ReadonlySet<string>): NodePlan {
  if (paths.size === 0) return plan;
  const keepsConfig = plan.configEdit === undefined || !paths.has(plan.configEdit.path);
  return {
    ...plan,
    configEdit: keepsConfig ? plan.configEdit : undefined,
    changes: plan.changes.filter((change) => !paths.has(change.path)),
    steps: plan.steps.flatMap((step) =>
      waits(step) && !keepsConfig ? [] : without(step, paths, keepsConfig),
    ),
  };
}

/** True for what must stay while the config.toml of the plan is not in force. */
export function waits(step: Step): boolean {
  return "afterEdit" in step && step.afterEdit === true;
}

function without(step: Step, paths: ReadonlySet<string>, keepsConfig: boolean): readonly Step[] {
  switch (step.kind) {
    case "edit-config":
    case "restart-containerd":
      return keepsConfig ? [step] : [];
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

import type { FileChange } from "../core/plan/plan-certs.ts";
import { renderDiff } from "../core/plan/render-diff.ts";
import type { Step, TextChange } from "../core/plan/step.ts";
import type { Ports } from "./ports.ts";
import type { StateDirectory } from "./state-directory.ts";

/** Steps that touch only our own files; what containerd reads at its start goes through change-config.ts. */
export type FileStep = Exclude<Step, { kind: "edit-config" | "switch-traces" | "restart-containerd" }>;

interface Tools {
  readonly ports: Pick<Ports, "files" | "clock">;
  readonly state: StateDirectory;
  readonly signal?: AbortSignal;
}

type Executors = {
  readonly [Kind in FileStep["kind"]]: (
    step: Extract<FileStep, { kind: Kind }>,
    tools: Tools,
  ) => Promise<void>;
};

/** A step without an executor does not compile. */
const EXECUTORS: Executors = {
  "keep-originals": async ({ paths }, { state }) => {
    for (const path of paths) await state.keepOriginal(path);
  },
  "create-directories": ({ directories }, { ports }) => ports.files.createDirectories(directories),
  "write-files": ({ files }, { ports }) => ports.files.write(files),
  "remove-files": async ({ paths }, tools) => {
    if (!paths.every((path) => path.endsWith("/hosts.toml"))) await settle(tools);
    await tools.ports.files.remove(paths);
  },
  "remove-directories": async ({ paths }, tools) => {
    await settle(tools);
    await tools.ports.files.removeDirectories(paths);
  },
};

/**
 * A pull that has read a hosts.toml opens the CA it names a moment later, and a CA that is gone fails the whole pull:
 * superseded files stay that long.
 */
async function settle({ ports, signal }: Tools): Promise<void> {
  await ports.clock.sleep(SETTLE_MS, signal);
}

const SETTLE_MS = 250;

export async function executeStep(step: FileStep, tools: Tools): Promise<void> {
  const execute = EXECUTORS[step.kind] as (step: FileStep, tools: Tools) => Promise<void>;
  await execute(step, tools);
}

export function isFileStep(step: Step): step is FileStep {
  return !["edit-config", "switch-traces", "restart-containerd"].includes(step.kind);
}

/** A line for people: what a step does, without its bytes. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case "keep-originals":
      return `keep the originals of ${step.paths.join(", ")}`;
    case "create-directories":
      return `create ${list(step.directories.map((directory) => directory.path))}`;
    case "write-files":
      return `write ${list(step.files.map((file) => file.path))}`;
    case "edit-config":
      return `edit ${step.path}: ${step.changes.join("; ")}`;
    case "switch-traces":
      return `switch containerd's traces ${step.to}: ${[...(step.isInConfig ? ["by config.toml"] : []), ...step.files.map(describeText)].join(", ")}`;
    case "restart-containerd":
      return `restart containerd: ${step.reason}`;
    case "remove-files":
    case "remove-directories":
      return `remove ${list(step.paths)}`;
    default:
      return step satisfies never;
  }
}

function describeText({ place, before, after }: TextChange): string {
  if (after === undefined) return `remove ${place.path}`;
  return before === after ? `${place.path} is in place` : `write ${place.path}`;
}

export function diffOf({ path, before, after }: FileChange): string {
  return renderDiff(path, before, after);
}

function list(paths: readonly string[]): string {
  return paths.length <= 5
    ? paths.join(", ")
    : `${paths.slice(0, 4).join(", ")} and ${paths.length - 4} more`;
}

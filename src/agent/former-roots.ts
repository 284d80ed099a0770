import { isOwned } from "../core/file-tree.ts";
import type { HostState, ObservedTree } from "../core/host-state.ts";
import { hasErrors } from "../core/issue.ts";
import type { NodePlan } from "../core/plan/node-plan.ts";
import { planCerts } from "../core/plan/plan-certs.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { findStaleDaemon } from "./find-stale-daemon.ts";
import type { PassContext } from "./pass-context.ts";
import type { Files } from "./ports.ts";

/** Roots other than `certsD` that were written to before `certs_d` was changed, as the record knows them. */
export function formerRoots({ files }: ApplyRecord, certsD: string): readonly string[] {
  const roots = new Set(Object.keys(files).map((path) => parentOf(parentOf(path))));
  roots.delete(certsD);
  return [...roots].sort();
}

/**
 * The plan with what is left of ours in former roots taken away, credentials and all, once config.toml and the
 * daemon that runs on it read the root of now. Until then it is left out, and the record remembers it.
 */
export async function withFormerRoots(
  plan: NodePlan,
  host: HostState,
  record: ApplyRecord,
  context: PassContext,
): Promise<NodePlan> {
  const roots = formerRoots(record, context.config.containerd.certsD);
  if (roots.length === 0 || hasErrors(plan.issues)) return plan;
  const running = plan.configEdit === undefined ? await findStaleDaemon(host.config, context) : [];
  if (running.length > 0) return plan;
  const removals = await planFormerRemovals(roots, host.certsD, context.ports.files);
  return {
    ...plan,
    steps: [...plan.steps, ...removals.flatMap(({ steps }) => steps)],
    changes: [...plan.changes, ...removals.flatMap(({ changes }) => changes)],
  };
}

/** Nothing for a root that is the present one under another name. */
export async function planFormerRemovals(roots: readonly string[], present: ObservedTree, files: Files) {
  const now = new Set(present.files.map((file) => file.realPath));
  const trees = await Promise.all(roots.map((root) => files.readTree(root)));
  return trees
    .filter((tree) => !tree.files.some((file) => now.has(file.realPath)))
    .map((tree) => {
      const certs = planCerts([], tree, { adopt: false, kept: [], dropMoved: true });
      return { steps: certs.removals.map(waiting), changes: certs.changes };
    });
}

/** What the record says of files in former roots, as far as they are still there and ours. */
export async function stillInFormerRoots(
  record: ApplyRecord,
  certsD: string,
  files: Files,
): Promise<ApplyRecord["files"]> {
  const roots = new Set(formerRoots(record, certsD));
  const entries = Object.entries(record.files).filter(([path]) => roots.has(parentOf(parentOf(path))));
  const present = await Promise.all(
    entries.map(async ([path]) => isOwned((await files.read(path))?.bytes ?? new Uint8Array())),
  );
  return Object.fromEntries(entries.filter((_, index) => present[index]));
}

function waiting<S extends object>(step: S): S & { readonly afterEdit: true } {
  return { ...step, afterEdit: true };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

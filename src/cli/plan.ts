import { type DryRun, dryRun } from "../agent/dry-run.ts";
import { formatIssue, hasErrors } from "../core/issue.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { NodeDeps } from "./node-deps.ts";

/** `plan FILE…`: what `apply` would do on this node: steps and a unified diff, nothing touched. */
export async function plan(
  sources: readonly string[],
  options: { readonly adopt: boolean; readonly noRestart: boolean },
  io: CommandIo,
  deps: NodeDeps,
): Promise<ExitCode> {
  const context = deps.createContext({
    sources,
    adopt: options.adopt,
    mayRestart: !options.noRestart,
    retryQuarantined: true,
  });
  const run = await dryRun(context);
  if (io.json) {
    const { steps, diffs, restarts, conditions, issues, tracing } = run;
    printJson(io, "plan", { steps, diffs, restarts, conditions, issues, tracing });
  } else printDryRun(run, io);
  if (hasErrors(run.issues)) return 65;
  return isFine(run) ? 0 : 1;
}

/** What has expired is in force all the same, and would be; what is pinned is so because somebody has said it. */
function isFine({ conditions }: DryRun): boolean {
  return conditions.every(({ type }) => type === "Ready" || type === "Expired" || type === "Pinned");
}

function printDryRun(run: DryRun, io: CommandIo): void {
  const isReady = isFine(run);
  for (const issue of run.issues) io.stderr(`${formatIssue(issue)}\n`);
  for (const { type, message } of run.conditions) if (type !== "Ready") io.stdout(`${type}: ${message}\n`);
  if (run.tracing?.state === "unavailable") io.stdout(`traces unavailable: ${run.tracing.message}\n`);
  if (run.steps.length === 0) io.stdout(isReady ? "nothing to do\n" : "nothing would be changed\n");
  run.steps.forEach(({ text }, index) => {
    io.stdout(`${index + 1}. ${text}\n`);
  });
  for (const { diff } of run.diffs) io.stdout(`\n${io.color ? colorDiff(diff) : diff}`);
}

function colorDiff(diff: string): string {
  return diff
    .split("\n")
    .map((line) => {
      if (line.startsWith("+")) return `\u001b[32m${line}\u001b[0m`;
      if (line.startsWith("-")) return `\u001b[31m${line}\u001b[0m`;
      return line.startsWith("@@") ? `\u001b[36m${line}\u001b[0m` : line;
    })
    .join("\n");
}

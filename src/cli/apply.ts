import { runPass } from "../agent/pass.ts";
import { sweepStrays } from "../agent/reconciler.ts";
import { isReady, type PassReport } from "../agent/report.ts";
import { formatIssue, hasErrors } from "../core/issue.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { NodeDeps } from "./node-deps.ts";

export interface ApplyOptions {
  readonly noRestart: boolean;
  readonly adopt: boolean;
}

/** `apply FILE…`: one pass, then exit. A person runs it, so what was quarantined gets another try. */
export async function apply(
  sources: readonly string[],
  options: ApplyOptions,
  io: CommandIo,
  deps: NodeDeps,
): Promise<ExitCode> {
  const lock = deps.acquireLock();
  if ("heldBy" in lock) {
    io.stderr(
      `mirrorlet: ${lock.heldBy} is at work on this node: write the agent's desired state, or stop it first (systemctl stop mirrorlet)\n`,
    );
    return 1;
  }
  try {
    const context = deps.createContext({
      sources,
      adopt: options.adopt,
      mayRestart: !options.noRestart,
      retryQuarantined: true,
      countsReads: true,
    });
    await sweepStrays(context.ports, context.config);
    const report = await runPass(context);
    if (io.json) printJson(io, "apply", report);
    else printReport(report, io);
    return exitCodeOf(report, options.noRestart);
  } finally {
    lock.release();
  }
}

function printReport(report: PassReport, io: CommandIo): void {
  for (const issue of report.issues) io.stderr(`${formatIssue(issue)}\n`);
  for (const line of report.done) io.stdout(`${line}\n`);
  for (const { path, diff } of report.drift)
    io.stdout(`changed by somebody else and put right: ${path}\n${diff}`);
  for (const { type, message } of report.conditions) io.stdout(`${type}: ${message}\n`);
  if (report.tracing !== undefined) io.stdout(`traces ${report.tracing.state}: ${report.tracing.message}\n`);
  io.stdout(`${report.outcome} in ${report.durationMs.toFixed(0)} ms\n`);
}

function exitCodeOf(report: PassReport, noRestart: boolean): ExitCode {
  if (hasErrors(report.issues) && report.outcome === "rejected") return 65;
  if (isReady(report)) return 0;
  const onlyPending = report.conditions.every(({ type }) => type === "Reconciling");
  if (onlyPending) return noRestart && report.outcome !== "deferred" && report.outcome !== "failed" ? 0 : 1;
  return 1;
}

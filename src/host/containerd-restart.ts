import { type CommandResult, HostError } from "../agent/ports.ts";
import { unitOf } from "../core/containerd/unit-of-command.ts";
import { findProgram, type Ran, runCommand, runDetaching } from "./run-command.ts";
import { readComplaints } from "./unit-journal.ts";

// systemd's own TimeoutStartSec= is 90 s by default; a daemon that takes longer has failed.
const RESTART_TIMEOUT_MS = 90_000;
const RESET_TIMEOUT_MS = 10_000;

/**
 * Runs the restart command; its own words on failure. systemd counts starts, and a unit may have a smaller
 * `StartLimitBurst=` than the default of 5 in 10 s: what was counted before is forgotten, so that it does not leave
 * containerd stopped, and this start is, so that it takes no start from systemd's own restarts. How often we restart is
 * bounded by our budget. Throws a retryable HostError when systemd is to blame, which
 * goes down with the node or is replaced under us: that says nothing of what containerd was to start on.
 */
export async function restartContainerd(
  command: readonly string[],
  signal: AbortSignal,
): Promise<CommandResult> {
  const startedMs = Date.now();
  if (unitOf(command) !== undefined) await forgetStarts(command);
  const ran = await runDetaching(command, { timeoutMs: RESTART_TIMEOUT_MS, signal });
  if (ran.status === 0) {
    await forgetStarts(command);
    return { ok: true };
  }
  const unit = unitOf(command);
  if (unit !== undefined && (await isManagersFault(command, ran))) throw managerIsAway(command, ran);
  const words = unit === undefined ? undefined : await readComplaints(unit, startedMs);
  return { ok: false, message: [complaintOf(command, ran), words].filter(Boolean).join(": ") };
}

/** systemctl's words, in English as we run it, when systemd has gone while it waited, or takes no orders any more. */
const LOST =
  /D-Bus connection terminated|Failed to (?:connect to bus|wait for response|get D-Bus connection)|Connection reset by peer|Transport endpoint is not connected|[Ss]hutting down|shutdown is (?:already )?(?:in progress|pending)|[Tt]ransaction .*is destructive/;

async function isManagersFault(command: readonly string[], ran: Ran): Promise<boolean> {
  if (LOST.test(ran.stderr)) return true;
  const systemctl = findProgram(command[0] ?? "");
  if (systemctl === undefined) return false;
  const { stdout } = await runCommand(
    systemctl,
    [...optionsOf(command), "is-system-running"],
    SHOW_TIMEOUT_MS,
  );
  return stdout.trim() === "stopping";
}

function managerIsAway(command: readonly string[], ran: Ran): HostError {
  const message = `systemd goes down or is being replaced, and could not restart containerd; that is done when it is back (${complaintOf(command, ran)})`;
  return new HostError("service-manager-away", "", message, { retryable: true });
}

/** `systemctl reset-failed UNIT` for the unit the restart command names; nothing for other restart commands. */
async function forgetStarts(command: readonly string[]): Promise<void> {
  const unit = unitOf(command);
  const systemctl = findProgram(command[0] ?? "");
  if (unit === undefined || systemctl === undefined) return;
  await runCommand(systemctl, [...optionsOf(command), "reset-failed", "--", unit], RESET_TIMEOUT_MS);
}

const RELOAD_TIMEOUT_MS = 60_000;
const SHOW_TIMEOUT_MS = 10_000;

/** `systemctl daemon-reload`, with the options of the restart command; nothing for other ones. */
export async function reloadUnits(command: readonly string[]): Promise<CommandResult> {
  if (unitOf(command) === undefined) return { ok: true };
  const reload = [command[0] ?? "", ...optionsOf(command), "daemon-reload"];
  const ran = await runDetaching(reload, { timeoutMs: RELOAD_TIMEOUT_MS });
  return ran.status === 0 ? { ok: true } : { ok: false, message: complaintOf(reload, ran) };
}

/** What `systemctl show` says of the unit, with the options of the restart command; false for other ones. */
export async function unitAwaitsReload(command: readonly string[]): Promise<boolean> {
  const unit = unitOf(command);
  const systemctl = findProgram(command[0] ?? "");
  if (unit === undefined || systemctl === undefined) return false;
  const show = [...optionsOf(command), "show", "--property=NeedDaemonReload", "--", unit];
  const { status, stdout } = await runCommand(systemctl, show, SHOW_TIMEOUT_MS);
  return status === 0 && stdout.trim() === "NeedDaemonReload=yes";
}

/** Between the program and its verb. */
export function optionsOf(command: readonly string[]): readonly string[] {
  return command.slice(1, verbOf(command));
}

function verbOf(command: readonly string[]): number {
  return command.findIndex((word) => word === "restart" || word === "try-restart");
}

function complaintOf(command: readonly string[], ran: Ran): string {
  const words = ran.stderr.trim();
  const end = ran.failure ?? `ended with status ${ran.status}`;
  return `${command.join(" ")}: ${end}${words === "" ? "" : `: ${words}`}`;
}

import type { CommandResult } from "../agent/ports.ts";
import { unitOf } from "../core/containerd/unit-of-command.ts";
import { findProgram, type Ran, runCommand, runDetaching } from "./run-command.ts";
import { readComplaints } from "./unit-journal.ts";

// systemd's own TimeoutStartSec= is 90 s by default; a daemon that takes longer has failed.
const RESTART_TIMEOUT_MS = 90_000;
const RESET_TIMEOUT_MS = 10_000;

/** Runs the restart command; its own words on failure. */
export async function restartContainerd(
  command: readonly string[],
  signal: AbortSignal,
): Promise<CommandResult> {
  const startedMs = Date.now();
  const ran = await runDetaching(command, { timeoutMs: RESTART_TIMEOUT_MS, signal });
  if (ran.status === 0) return { ok: true };
  const unit = unitOf(command);
  const words = unit === undefined ? undefined : await readComplaints(unit, startedMs);
  return { ok: false, message: [complaintOf(command, ran), words].filter(Boolean).join(": ") };
}

/** `systemctl reset-failed UNIT` for the unit the restart command names; nothing for other restart commands. */
export async function resetFailedUnit(command: readonly string[]): Promise<void> {
  const unit = unitOf(command);
  const systemctl = findProgram(command[0] ?? "");
  if (unit === undefined || systemctl === undefined) return;
  await runCommand(systemctl, ["reset-failed", "--", unit], RESET_TIMEOUT_MS);
}

const RELOAD_TIMEOUT_MS = 60_000;

/** `systemctl daemon-reload`, with the options of the restart command; nothing for other ones. */
export async function reloadUnits(command: readonly string[]): Promise<CommandResult> {
  if (unitOf(command) === undefined) return { ok: true };
  const verb = command.findIndex((word) => word === "restart" || word === "try-restart");
  const reload = [...command.slice(0, verb), "daemon-reload"];
  const ran = await runDetaching(reload, { timeoutMs: RELOAD_TIMEOUT_MS });
  return ran.status === 0 ? { ok: true } : { ok: false, message: complaintOf(reload, ran) };
}

function complaintOf(command: readonly string[], ran: Ran): string {
  const words = ran.stderr.trim();
  const end = ran.failure ?? `ended with status ${ran.status}`;
  return `${command.join(" ")}: ${end}${words === "" ? "" : `: ${words}`}`;
}

import type { UnitState } from "../agent/ports.ts";
import { unitOf } from "../core/containerd/unit-of-command.ts";
import { optionsOf } from "./containerd-restart.ts";
import { findProgram, runCommand } from "./run-command.ts";
import { readComplaints } from "./unit-journal.ts";

const SHOW_TIMEOUT_MS = 5_000;
/** Longer than from an end to the next look at it. */
const WORDS_MS = 20_000;

/** The unit of the restart command as systemd sees it; undefined for other commands, and where it does not answer. */
export async function readUnitState(command: readonly string[]): Promise<UnitState | undefined> {
  const unit = unitOf(command);
  const systemctl = findProgram(command[0] ?? "");
  if (unit === undefined || systemctl === undefined) return undefined;
  const properties = "--property=LoadState,ActiveState,SubState,Result,NRestarts";
  const show = [...optionsOf(command), "show", properties, "--", unit];
  const { status, stdout } = await runCommand(systemctl, show, SHOW_TIMEOUT_MS);
  const state = status === 0 ? parseUnitState(stdout) : undefined;
  if (state === undefined || (state.restarts === 0 && state.is !== "failed" && state.is !== "dying"))
    return state;
  const words = await readComplaints(unit, Date.now() - WORDS_MS);
  const message = [state.message, words].filter(Boolean).join(": ");
  return message === "" ? state : { ...state, message };
}

/** Of `systemctl show`. Names of states: org.freedesktop.systemd1(5), and `Result` in systemd.exec(5). */
export function parseUnitState(text: string): UnitState | undefined {
  const propertyOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  if (propertyOf("LoadState") !== "loaded") return undefined;
  const result = propertyOf("Result");
  return {
    is: readState(propertyOf("ActiveState"), propertyOf("SubState")),
    restarts: Number(propertyOf("NRestarts")) || 0,
    ...(result === "" || result === "success" ? {} : { message: `systemd's result is ${result}` }),
  };
}

function readState(active: string, sub: string): UnitState["is"] {
  if (sub.startsWith("auto-restart")) return "dying";
  if (active === "active" || active === "reloading") return "running";
  if (active === "failed") return "failed";
  return active === "inactive" ? "stopped" : "changing";
}

import { readFileSync, readlinkSync } from "node:fs";
import { readProcessStat } from "../../../shared/process-stat.ts";

/** Tells a process from every other one, also from a later one with the same pid, or after the next boot. */
export interface ProcessIdentity {
  readonly boot: string;
  /** Pids mean something within it only. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly started: number;
}

export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  return { boot: readBoot(), pidNamespace: readPidNamespace(), pid, started: readStarted(pid) ?? 0 };
}

/** False also where it cannot be told. */
export function isGone({ boot, pidNamespace, pid, started }: ProcessIdentity): boolean {
  if (boot !== readBoot()) return true;
  return pidNamespace === readPidNamespace() && readStarted(pid) !== started;
}

function readBoot(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function readPidNamespace(): string {
  return readlinkSync("/proc/self/ns/pid");
}

function readStarted(pid: number): number | undefined {
  try {
    const { state, startTicks } = readProcessStat(pid);
    return state === "Z" ? undefined : startTicks;
  } catch {
    return undefined;
  }
}

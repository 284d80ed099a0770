import { readFileSync, readlinkSync } from "node:fs";

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

// The 22nd field; the second is a name that may hold anything, so that fields count from the last parenthesis. A zombie
// (field 3) has ended.
function readStarted(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

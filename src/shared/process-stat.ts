import { readFileSync } from "node:fs";

export interface ProcessStat {
  /** `Z`: it has ended, and only waits for its parent. */
  readonly state: string;
  /** Clock ticks (USER_HZ) from the machine's start to the process'. */
  readonly startTicks: number;
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)). Throws when the process is gone. */
export function readProcessStat(pid: number): ProcessStat {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second is a name that may hold anything: fields count from the last parenthesis.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTicks: Number(fields[19]) };
}

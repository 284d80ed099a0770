import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";

/** none: nobody listens there · hidden: somebody does, and we may not see who. Source: proc(5), /proc/net/unix. */
export type Listener = { readonly pid: number } | "none" | "hidden";

/** The process that listens on a unix socket. */
export function findListener(hostSocket: string): Listener {
  const inodes = listeningInodes(hostSocket);
  if (inodes.size === 0) return "none";
  const pid = numericEntries("/proc").find((candidate) => holdsSocket(candidate, inodes));
  return pid === undefined ? "hidden" : { pid: Number(pid) };
}

export function isListenedOn(hostSocket: string): boolean {
  return listeningInodes(hostSocket).size > 0;
}

/**
 * A table has the sockets of one network namespace. The root helper is in an empty one of its own, and finds the
 * node's daemons in that of the first process.
 */
const TABLES = ["/proc/net/unix", "/proc/1/net/unix"];

function listeningInodes(path: string): ReadonlySet<string> {
  const names = new Set([path, realPathOf(path)]);
  for (const table of TABLES) {
    const inodes = inodesIn(readTable(table), names);
    if (inodes.size > 0) return inodes;
  }
  return new Set();
}

/** Flags 00010000 (__SO_ACCEPTCON): the socket listens. */
function inodesIn(table: readonly string[], names: ReadonlySet<string>): ReadonlySet<string> {
  const fields = table.map((line) => line.trim().split(/\s+/));
  const ours = fields.filter((f) => names.has(f[7] ?? "") && f[3] === "00010000");
  return new Set(ours.map((f) => `socket:[${f[6]}]`));
}

function readTable(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

// The kernel keeps the name a socket was bound under: /run/…, where people write /var/run/….
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  const directory = `/proc/${pid}/fd`;
  return numericEntries(directory).some((fd) => {
    try {
      return inodes.has(readlinkSync(`${directory}/${fd}`));
    } catch {
      return false; // closed in the meantime
    }
  });
}

function numericEntries(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // the process is gone, or not ours to look at
  }
}

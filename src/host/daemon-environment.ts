import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The environment of the process that listens on a unix socket: its proxies decide how containerd reaches a
 * mirror, and they are often set for its unit alone. Undefined when nobody listens or we may not look.
 * Source: proc(5), /proc/net/unix and /proc/PID/{fd,environ}.
 */
export function readDaemonEnvironment(hostSocket: string): Readonly<Record<string, string>> | undefined {
  const inodes = listeningInodes(hostSocket);
  if (inodes.size === 0) return undefined;
  const pid = numericEntries("/proc").find((candidate) => holdsSocket(candidate, inodes));
  return pid === undefined ? undefined : readEnvironment(pid);
}

/** Flags 00010000 (__SO_ACCEPTCON): the socket listens. */
function listeningInodes(path: string): ReadonlySet<string> {
  const lines = read("/proc/net/unix").split("\n");
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return new Set(fields.filter((f) => f[7] === path && f[3] === "00010000").map((f) => `socket:[${f[6]}]`));
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

function readEnvironment(pid: string): Readonly<Record<string, string>> {
  const pairs = read(`/proc/${pid}/environ`)
    .split("\0")
    .filter((pair) => pair.includes("="));
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

function numericEntries(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // the process is gone, or not ours to look at
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

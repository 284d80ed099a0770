import { readFileSync } from "node:fs";
import { findListener } from "./find-listener.ts";

/**
 * The environment of the process that listens on a unix socket: its proxies decide how containerd reaches a
 * mirror, and they are often set for its unit alone. Undefined when nobody listens or we may not look.
 */
export function readDaemonEnvironment(hostSocket: string): Readonly<Record<string, string>> | undefined {
  const listener = findListener(hostSocket);
  return typeof listener === "string" ? undefined : (readEnvironment(listener.pid) ?? {});
}

/** As the process was started with. Undefined: it is gone, or not ours to look at. */
export function readEnvironment(pid: number): Readonly<Record<string, string>> | undefined {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return Object.fromEntries(pairs.filter((pair) => pair.includes("=")).map(splitPair));
  } catch {
    return undefined;
  }
}

function splitPair(pair: string): readonly [name: string, value: string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

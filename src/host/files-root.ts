import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import { HostError } from "../agent/ports.ts";
import { errnoOf } from "./files-error.ts";

/**
 * The one place where `--root DIR` is put before paths. "Node path" is what the node itself calls a file,
 * "host path" is what this process opens; with root `/` they are the same.
 */
export interface HostRoot {
  toHost(nodePath: string): string;
  toNode(hostPath: string): string;
  /**
   * Host path with every symbolic link followed, absolute targets taken inside the root. What does not exist is
   * kept as written, so that a file can be created behind a dangling link. `onLink` is told each link's host path.
   */
  resolve(nodePath: string, onLink?: (link: string, stats: Stats) => void): string;
}

export function createHostRoot(root: string): HostRoot {
  const base = root === "/" ? "" : root.replace(/\/+$/, "");
  const toHost = (nodePath: string): string => {
    if (!isAbsolute(nodePath)) throw new TypeError(`not an absolute path: ${nodePath}`);
    return `${base}${join(nodePath)}`;
  };
  const toNode = (hostPath: string): string => hostPath.slice(base.length) || "/";
  return {
    toHost,
    toNode,
    resolve: (nodePath, onLink) => `${base}${followLinks(base, join(nodePath), onLink)}`,
  };
}

// The kernel's own limit for one lookup.
const MAX_LINKS = 40;

type OnLink = (link: string, stats: Stats) => void;

function followLinks(base: string, nodePath: string, onLink?: OnLink): string {
  let pending = nodePath.split(sep).filter((part) => part !== "");
  let resolved = "";
  for (let links = 0; pending.length > 0; ) {
    const [part, ...rest] = pending as [string, ...string[]];
    pending = rest;
    const target = readLink(`${base}${resolved}/${part}`, onLink);
    if (target === undefined) {
      resolved = `${resolved}/${part}`;
      continue;
    }
    if (++links > MAX_LINKS) throw tooManyLinks(nodePath);
    const next = isAbsolute(target) ? join(target) : join(`${resolved}/`, target);
    pending = [...next.split(sep).filter((step) => step !== ""), ...pending];
    resolved = "";
  }
  return resolved === "" ? "/" : resolved;
}

function readLink(hostPath: string, onLink?: OnLink): string | undefined {
  try {
    const stats = lstatSync(hostPath);
    if (!stats.isSymbolicLink()) return undefined;
    onLink?.(hostPath, stats);
    return readlinkSync(hostPath);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function tooManyLinks(nodePath: string): HostError {
  const message = `cannot follow ${nodePath}: more than ${MAX_LINKS} symbolic links; one of them points back at itself`;
  return new HostError("symlink-loop", nodePath, message, { retryable: false });
}

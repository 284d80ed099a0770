import type { Place } from "../../issue.ts";
import { type ContainerdVersion, traitsOf } from "../version.ts";
import { type ConfigSource, foldsCase, parseConfigFile } from "./config-file.ts";
import { getNode } from "./config-tree.ts";

/** One entry of `imports`, resolved as that containerd resolves it. */
export interface ImportPattern {
  /** Absolute and clean, unless it is relative to the daemon's working directory. */
  readonly pattern: string;
  /** Expand it and load the matches in lexical order; a plain path that is missing keeps the daemon from starting. */
  readonly isGlob: boolean;
  /** containerd 1.6 leaves relative globs to the daemon's working directory (`/` under systemd). */
  readonly isRelativeToDaemon: boolean;
  readonly at: Place;
}

/**
 * What a file imports, in order. containerd loads main first, then breadth first: all imports of one file before
 * theirs, each path once. Empty for a file it cannot read.
 */
export function importPatterns(source: ConfigSource, version: ContainerdVersion): readonly ImportPattern[] {
  const traits = traitsOf(version);
  const file = parseConfigFile(source, traits);
  const list = "reason" in file ? undefined : getNode(file.root, ["imports"], foldsCase(traits));
  if (list?.kind !== "value" || !Array.isArray(list.value)) return [];
  const leavesGlobs = traits.importsReplacePluginTables && !traits.refusesNewerConfig;
  return list.value
    .filter((item) => typeof item === "string")
    .map((written) => resolvePattern(written, source.path, leavesGlobs, list.at));
}

function resolvePattern(written: string, parent: string, leavesGlobs: boolean, at: Place): ImportPattern {
  const isGlob = written.includes("*");
  const isRelativeToDaemon = leavesGlobs && isGlob && !written.startsWith("/");
  if (isRelativeToDaemon) return { pattern: written, isGlob, isRelativeToDaemon, at };
  const directory = parent.slice(0, parent.lastIndexOf("/") + 1);
  const pattern = cleanPath(written.startsWith("/") ? written : `${directory}${written}`);
  return { pattern, isGlob, isRelativeToDaemon, at };
}

function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

import type { TracesPlace } from "./containerd/tracing/traces-place.ts";
import type { ContainerdVersion } from "./containerd/version.ts";

/** What a pass sees of the machine before it decides anything. Plain data: the planner reads nothing else. */
export interface HostState {
  readonly version: ContainerdVersion;
  readonly certsD: ObservedTree;
  /** Where the legacy style keeps its PEM files. */
  readonly legacyFiles: ObservedTree;
  readonly config: ObservedConfig;
  /** Directories besides certs.d that config_path names now, in its order. */
  readonly otherRoots: readonly OtherRoot[];
  /** Undefined: not looked at, for nothing is to be decided about traces. */
  readonly tracing?: ObservedTracing;
}

/** How the containerd that runs stands with traces. */
export interface ObservedTracing {
  /** Its variables that decide about them; undefined: nobody runs, or we may not look. */
  readonly environment: Readonly<Record<string, string>> | undefined;
  readonly exporter: Exporter;
  /** The files that may switch traces on: where it belongs, and where it was before. */
  readonly files: readonly ObservedTracesFile[];
}

/**
 * containerd's OTLP plugin. absent: not in this build · idle: nothing names a receiver · running: spans are sent ·
 * failed: it did not load · unknown: containerd does not answer.
 */
export interface Exporter {
  readonly state: "absent" | "idle" | "running" | "failed" | "unknown";
  /** containerd's own words; `""` when there are none. */
  readonly message: string;
}

export interface ObservedTracesFile {
  readonly place: TracesPlace;
  readonly file: ObservedFile | undefined;
  /** Why it cannot be read. */
  readonly trouble?: string;
}

export interface OtherRoot {
  readonly tree: ObservedTree;
  /** False for a part of a list that containerd takes for the name of one directory. */
  readonly isRead: boolean;
}

/** A regular file as it is on the node. */
export interface ObservedFile {
  /** The path it was asked for, symlinks not resolved. */
  readonly path: string;
  /** Where the bytes really are; differs from `path` behind a symlink. */
  readonly realPath: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
}

/** A directory tree, two levels deep: what containerd looks at below a certs.d root. */
export interface ObservedTree {
  readonly root: string;
  readonly exists: boolean;
  readonly directories: readonly string[];
  /** Those of them that are symbolic links, which only others make. */
  readonly linked?: readonly string[];
  readonly files: readonly ObservedFile[];
  /** Entries that are neither: symlinks that dangle, sockets, unreadable files, files over the size limit. */
  readonly others: readonly { readonly path: string; readonly reason: string }[];
}

/** config.toml and the files it imports, in the order containerd merges them. */
export interface ObservedConfig {
  readonly path: string;
  readonly file: ObservedFile | undefined;
  readonly imports: readonly ConfigText[];
}

export interface ConfigText {
  readonly path: string;
  readonly text: string;
}

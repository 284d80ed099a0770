import type { ConfigSource, MergedConfig } from "../containerd/config/merge-config.ts";
import type { HostTree } from "../containerd/host-tree.ts";
import type { RegistryConfig } from "../containerd/registry-config.ts";
import type { ContainerdTraits, ContainerdVersion } from "../containerd/version.ts";
import type { ObservedTree } from "../host-state.ts";
import type { Place } from "../issue.ts";
import type { ProcessView } from "./process/process-view.ts";

/** What the checks see of a node. Plain data and pure lookups: the same view has the same findings. */
export interface NodeView {
  readonly version: ContainerdVersion;
  readonly traits: ContainerdTraits;
  /** config.toml as it was asked for; the file may be missing. */
  readonly configFile: string;
  /** config.toml, when there is one, and its imports in the order containerd loads them. */
  readonly sources: readonly ConfigSource[];
  readonly merged: MergedConfig;
  readonly config: RegistryConfig;
  readonly dropIns: DropInsView;
  /** Permission bits of the files in `sources`, by path; one that is not there could not be asked for them. */
  readonly modes: Readonly<Record<string, number>>;
  /** Every directory that holds, or may be meant to hold, registry configuration. */
  readonly roots: readonly RootView[];
  /** All roots and the files outside them that hosts name, as containerd would find them. */
  readonly tree: HostTree;
  /** Milliseconds since the epoch, for the dates of certificates. */
  readonly nowMs: number;
  /** The containerd that runs; undefined: none does, or this is a copy of a node's files. */
  readonly process?: ProcessView;
  /** Host namespaces of the images on the node; undefined: not known. */
  readonly namespacesInUse?: readonly string[];
}

export interface RootView {
  readonly tree: ObservedTree;
  /**
   * in-force: containerd looks here · split: a part of a list that it does not split · named: by a setting that counts
   * for nothing · usual: only by custom.
   */
  readonly standing: "in-force" | "split" | "named" | "usual";
  /** Not a directory: containerd fails on it. */
  readonly isFile?: boolean;
}

/** What there is of imports besides the files that are loaded. */
export interface DropInsView {
  /** Listed by name, and not to be had: containerd does not start. */
  readonly missing: readonly MissingImport[];
  /** Files in the directories where drop-ins usually are, which nothing imports. */
  readonly strays: readonly ConfigSource[];
}

export interface MissingImport {
  readonly path: string;
  readonly at: Place;
  /** As the system says it: `no such file or directory`. */
  readonly reason: string;
}

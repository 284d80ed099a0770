import type { CertificateInspection } from "../certificates.ts";
import type { ConfigSource } from "../containerd/config/config-file.ts";
import type { MergedConfig } from "../containerd/config/merge-config.ts";
import type { HostTree } from "../containerd/host-tree.ts";
import type { RegistryConfig } from "../containerd/registry-config.ts";
import type { ContainerdTraits, ContainerdVersion } from "../containerd/version.ts";
import type { ObservedTree } from "../host-state.ts";
import type { Place } from "../issue.ts";
import type { KnownFates } from "./fate.ts";
import type { ProcessView } from "./process/process-view.ts";

/** What the checks see of a node. Plain data and pure lookups: the same view has the same findings. */
export interface NodeView {
  readonly version: ContainerdVersion;
  readonly traits: ContainerdTraits;
  /** config.toml as it was asked for; the file may be missing. */
  readonly configFile: string;
  /** No other containerd has a config.toml in /etc/containerd. */
  readonly isAloneInEtc: boolean;
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
  /** What is in the TLS files that hosts name. */
  readonly certificates: readonly ObservedCertificates[];
  /** Below the roots and named by hosts: what whoever looks may not read, so that nothing is known of it. */
  readonly denied: readonly string[];
  /** Milliseconds since the epoch, for the dates of certificates. */
  readonly nowMs: number;
  /** The containerd that runs; undefined: none does, or this is a copy of a node's files. */
  readonly process?: ProcessView;
  /** containerd is installed and nobody serves its socket. */
  readonly notRunning?: { readonly socket: string; readonly restart: string };
  /** Host namespaces of the images on the node; undefined: not known. */
  readonly namespacesInUse?: readonly string[];
  /** Memory of `fateOf`. */
  readonly fates?: KnownFates;
}

/** A PEM file that a `ca` names, or the two of a `client`. */
export interface ObservedCertificates {
  readonly path: string;
  /** The file of the private key, which may be the same; undefined for a `ca`. */
  readonly keyPath?: string;
  /** Permission bits of the key's file. */
  readonly keyMode?: number;
  readonly inspection: CertificateInspection;
}

export interface RootView {
  readonly tree: ObservedTree;
  /**
   * in-force: containerd looks here · split: a part of a list that it does not split · named: by a setting that counts
   * for nothing · usual: only by custom.
   */
  readonly standing: "in-force" | "split" | "named" | "usual";
  /** Directories in its directories, where containerd never looks. Those that could be read, up to a limit. */
  readonly tooDeep?: readonly ObservedTree[];
  /** Not a directory: containerd fails on it. */
  readonly isFile?: boolean;
}

/** What there is of imports besides the files that are loaded. */
export interface DropInsView {
  /** Listed by name or found by a pattern, and not to be had: containerd does not start. */
  readonly missing: readonly MissingImport[];
  /** Files in the directories where drop-ins usually are, which nothing imports. */
  readonly strays: readonly ConfigSource[];
}

export interface MissingImport {
  readonly path: string;
  readonly at: Place;
  /** As the system says it: `no such file or directory`. */
  readonly reason: string;
  /** By a pattern: the name is there, and a link to nothing, a directory or the like. */
  readonly isMatched?: boolean;
}

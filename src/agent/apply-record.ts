import type { LegacyRegistry } from "../core/containerd/config/legacy-registry.ts";
import type { FailedTraces, TracesInForce } from "../core/plan/node-plan.ts";
import type { TextChange } from "../core/plan/step.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";
import type { SignedRecord } from "./signed-record.ts";

/**
 * What mirrorlet last finished on this node and what it is in the middle of. Persisted before and after every
 * effect that a crash could separate, so that the next start can finish: a pending restart is never lost and
 * never done twice.
 */
export interface ApplyRecord {
  /** Digest of the desired state last applied in full; undefined before the first. */
  readonly digest?: string;
  readonly generation: number;
  /** Wall clock, ms since the epoch. */
  readonly appliedMs?: number;
  /** Host namespaces last applied. */
  readonly namespaces: readonly string[];
  /** Owned files as they were last written: path to content digest. Differences are drift. */
  readonly files: Readonly<Record<string, string>>;
  /** Digest of config.toml as we last wrote or accepted it. */
  readonly configDigest?: string;
  /** What it was written for: `restore` must be able to read config.toml without a binary that answers. */
  readonly containerdVersion?: string;
  /** Legacy `registry.mirrors` that were moved from config.toml into certs.d and still stand for something. */
  readonly migrated: readonly LegacyRegistry[];
  /** Hosts whose credential goes through config.toml because they insist on a token service. */
  readonly criCredentialHosts: readonly string[];
  /** Hosts that could not be asked yet how they want their credential. */
  readonly undecidedHosts: readonly string[];
  /** The file that switches containerd's traces on, as it was last put in force. */
  readonly traces?: TracesRecord;
  readonly pendingRestart?: PendingRestart;
  /** The newest change that has passed the gate; `trialLeftMs` says whether it is still on trial. */
  readonly trial?: Trial;
  readonly restarts: readonly RestartEntry[];
  /** A desired state that failed on this node: not tried again until its content changes. */
  readonly quarantine?: Quarantine;
  /** The signed state that `digest` came from; undefined: nobody has signed it. */
  readonly signed?: SignedRecord;
  /** A new desired state whose pass has begun and is not over: the agent ended in it, where this is found at a start. */
  readonly tries?: Tries;
  /** A switch of traces that did not work on this node. Mirrors do not depend on it. */
  readonly tracesQuarantine?: TracesQuarantine;
  /** Why what switches traces could not be written, and when that was tried last. */
  readonly tracesTrouble?: RestartEntry & { readonly message: string };
  /** When each contested path was last repaired. */
  readonly repairs: Readonly<Record<string, readonly RestartEntry[]>>;
}

/** A moment that survives clock changes: milliseconds since a given boot. */
export interface RestartEntry {
  readonly bootId: string;
  readonly uptimeMs: number;
}

/** The file, and the containerd (`Containerd.instance()`) that was seen to send its traces by it. */
export interface TracesRecord extends TracesInForce {
  readonly seenIn?: string;
}

/**
 * Files that containerd reads at its start are being changed, or have been, and it does not run on them yet: one
 * restart for all of them. What a rollback needs is durable before the first of them is touched.
 */
export interface PendingRestart {
  readonly phase: "armed" | "restarting" | "rolling-back";
  readonly reason: string;
  readonly config?: PendingConfig;
  readonly traces?: PendingTraces;
  /** `Containerd.instance()` before the restart that the phase is about. */
  readonly instance?: string;
  /** Digest of the desired state that wants this. */
  readonly digest: string;
  readonly generation: number;
  /** What was wrong with containerd before the change already. */
  readonly unwellBefore?: string;
  /** What the gate holds against the change, once it does. */
  readonly failure?: string;
  /** Whether each canary could be pulled before the change. */
  readonly canariesBefore: readonly string[];
  /** `ApplyRecord.migrated` once this change is in force, and as it was before. */
  readonly migrated: readonly LegacyRegistry[];
  readonly migratedBefore: readonly LegacyRegistry[];
}

/** config.toml; its bytes from before are in `StateDirectory.loadRollback()`. */
export interface PendingConfig {
  readonly path: string;
  /** Digest before the edit; undefined: there was no file. */
  readonly beforeDigest?: string;
  readonly beforeMode?: number;
  readonly afterDigest: string;
  /** Digest of an earlier edit of ours that this one replaces before containerd ever ran on it. */
  readonly replaces?: string;
}

/** What switches containerd's traces. The files are small and hold no secret, so both their texts are here. */
export interface PendingTraces {
  readonly to: "on" | "off";
  /** `SwitchTracesStep.digest` */
  readonly digest: string;
  readonly files: readonly TextChange[];
  /** The files are written and systemd has read them: another reload would read what others have changed since. */
  readonly isLoaded?: boolean;
  /** `ApplyRecord.traces` once this is in force; undefined: there is no file of ours then. */
  readonly inForce?: TracesInForce;
}

/** A change that containerd runs on, and what the record said before it, to be put back should it not go on running. */
export interface Trial {
  readonly change: PendingRestart;
  /** When the gate was passed. */
  readonly began: RestartEntry;
  /** The containerd that passed it. */
  readonly version: string;
  /** `UnitState.restarts` then. */
  readonly restarts: number;
  /** Uptime since when it has not been well, without a break. */
  readonly unwellMs?: number;
  readonly before: Pick<
    ApplyRecord,
    | "digest"
    | "generation"
    | "appliedMs"
    | "configDigest"
    | "criCredentialHosts"
    | "undecidedHosts"
    | "traces"
    | "signed"
  >;
}

export interface Tries {
  readonly digest: string;
  readonly count: number;
}

export interface TracesQuarantine extends FailedTraces {
  /** Digest of the containerd version and the configuration it failed on; undefined until the pass after it. */
  readonly basis?: string;
  readonly sinceMs: number;
  /** containerd was not well either after everything was put back. */
  readonly degraded: boolean;
}

export interface Quarantine {
  readonly digest: string;
  /** Digest of the containerd version and the configuration it failed on; undefined until the pass after it. */
  readonly basis?: string;
  /** Digest of the config.toml that failed: those very bytes are not tried again either. */
  readonly configDigest: string;
  readonly generation: number;
  /** Containerd's own words where there are any. */
  readonly message: string;
  readonly sinceMs: number;
  /** The old config.toml is back, and containerd was not well on it either. */
  readonly degraded: boolean;
  /** certs.d is back as it was, too. */
  readonly undone: boolean;
}

export const EMPTY_RECORD: ApplyRecord = {
  generation: 0,
  namespaces: [],
  files: {},
  migrated: [],
  criCredentialHosts: [],
  undecidedHosts: [],
  restarts: [],
  repairs: {},
};

const SCHEMA = "mirrorlet.apply-record/v1";

/** With a checksum, so that a torn or edited record is told from a whole one. */
export function encodeApplyRecord(record: ApplyRecord, sha256: (bytes: Uint8Array) => string): Uint8Array {
  return sealJson(SCHEMA, record, sha256);
}

/** Undefined when the bytes are not a whole record of this schema: the caller rebuilds from what is on disk. */
export function decodeApplyRecord(
  bytes: Uint8Array,
  sha256: (bytes: Uint8Array) => string,
): ApplyRecord | undefined {
  const opened = openSealedJson(SCHEMA, bytes, sha256) as ApplyRecord | undefined;
  if (opened === undefined) return undefined;
  const record = { ...EMPTY_RECORD, ...opened };
  const { pendingRestart } = record;
  return pendingRestart === undefined ? record : { ...record, pendingRestart: readPending(pendingRestart) };
}

/**
 * The versions before traces kept the parts of `config` one level up. An upgrade may come between a change and its
 * restart, and what is to be rolled back then must not be lost.
 */
function readPending(pending: PendingRestart | FlatPendingRestart): PendingRestart {
  if (!("configPath" in pending)) return pending;
  const { configPath: path, beforeDigest, beforeMode, afterDigest, replaces, ...rest } = pending;
  const config: PendingConfig = {
    path,
    ...(beforeDigest === undefined ? {} : { beforeDigest }),
    ...(beforeMode === undefined ? {} : { beforeMode }),
    afterDigest,
    ...(replaces === undefined ? {} : { replaces }),
  };
  return { ...rest, config };
}

type FlatPendingRestart = Omit<PendingRestart, "config" | "traces"> &
  Omit<PendingConfig, "path"> & { readonly configPath: string };

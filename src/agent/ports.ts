import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { Mirror } from "../core/desired-state/desired-state.ts";
import type { RenderedFile } from "../core/file-tree.ts";
import type { Exporter, ObservedFile, ObservedTree } from "../core/host-state.ts";
import type { ImageStore } from "./evidence/image-store.ts";
import type { PullClaims } from "./evidence/pull-claims.ts";

export type { ObservedFile, ObservedTree } from "../core/host-state.ts";

/** What the pass needs of the machine and the network. Adapters live in host/ and edge/; main.ts wires them. */
export interface Ports {
  readonly files: Files;
  readonly containerd: Containerd;
  readonly prober: MirrorProber;
  /** Hex SHA-256. */
  readonly sha256: (bytes: Uint8Array) => string;
  readonly clock: Clock;
  readonly log: Log;
  /** Which pulls are the agent's own; undefined where nobody asks. */
  readonly claims?: PullClaims;
}

/**
 * Whole-file verbs. Every mutation is atomic and durable when the promise resolves, or leaves the old file whole
 * and rejects with a HostError.
 */
export interface Files {
  /** Follows symlinks. Undefined when absent. Throws HostError for anything else that goes wrong. */
  read(path: string): Promise<ObservedFile | undefined>;
  readTree(root: string): Promise<ObservedTree>;
  /**
   * Writes all files, creating missing parent directories (0755). Each: temp file in the same directory (O_EXCL,
   * final mode before the first byte), write, fsync, rename; then one fsync per directory. Files are independent
   * of each other: callers order by calling twice. A symlink in place of a file is replaced, never followed.
   */
  write(files: readonly FileToWrite[]): Promise<void>;
  /**
   * Replaces a file that others own too: a symlink is written through, owner, group and extended attributes
   * stay, and the mode unless one is given. Rejects with code `changed` when the bytes on disk are no longer `expected` (undefined: no file).
   */
  replace(path: string, bytes: Uint8Array, expected: Uint8Array | undefined, mode?: number): Promise<void>;
  /** Removes files; absent ones are fine. Directories are fsynced. */
  remove(paths: readonly string[]): Promise<void>;
  /**
   * Creates directories (0755) that do not exist yet, each complete in one step: the files are written into a
   * temp directory beside it, made durable, and the directory is renamed into place. An empty host directory
   * would hide `_default` from containerd, so it must never be seen without its hosts.toml. Rejects with code
   * `changed` when the directory exists. Directories are independent of each other; their work overlaps.
   */
  createDirectories(directories: readonly NewDirectory[]): Promise<void>;
  /**
   * Removes directories with all that is in them (files only, no sub-directories), each in one step: renamed
   * aside to a temp name that `sweep` recognises, then emptied. Absent ones are fine.
   */
  removeDirectories(paths: readonly string[]): Promise<void>;
  /** Removes a directory that has nothing in it. Anything else, a link to one included, stays. */
  removeEmptyDirectory(path: string): Promise<void>;
  /** Removes stray temp files and temp directories of ours below `root`, two levels deep, and nothing else. */
  sweep(root: string): Promise<void>;
}

export interface FileToWrite extends RenderedFile {
  /** Whose it is to be; undefined: the agent's own user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** A directory to be, with the files in it (absolute paths, directly below `path`). */
export interface NewDirectory {
  readonly path: string;
  readonly files: readonly RenderedFile[];
}

/** A failed effect on the host, with what an operator needs to act. */
export class HostError extends Error {
  override readonly name = "HostError";
  /** Kebab-case: `no-space`, `read-only`, `denied`, `changed`, `io`, `busy`, `too-many-files`, … */
  readonly code: string;
  readonly path: string;
  readonly retryable: boolean;
  constructor(code: string, path: string, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.path = path;
    this.retryable = options.retryable;
  }
}

export interface Containerd {
  /** Version of the installed binary; undefined when there is none or it does not answer. */
  version(): Promise<ContainerdVersion | undefined>;
  /** `containerd --config <path> config dump`: the effective configuration, or containerd's own words. Throws HostError when it gives no answer. */
  dumpConfig(path: string): Promise<DumpResult>;
  /**
   * Runs the configured restart command; `ok` proves only that the command succeeded. Where there is systemd it neither
   * fails for the unit's start limit nor uses it up.
   */
  restart(signal: AbortSignal): Promise<CommandResult>;
  /** How the service manager sees the daemon; undefined: another one restarts it, or it cannot be asked. Never throws. */
  unitState(): Promise<UnitState | undefined>;
  /** Has systemd read its units and their drop-ins again, where it is what restarts; otherwise does nothing. */
  reloadUnits(): Promise<CommandResult>;
  /**
   * Whether files of the daemon's unit have changed and systemd has not read that yet, so that `reloadUnits` would put
   * it in force too; false where it cannot be told, or where something else restarts.
   */
  unitAwaitsReload(): Promise<boolean>;
  /** When the running daemon made its socket, wall clock, ms since the epoch; undefined: no socket. */
  startedMs(): Promise<number | undefined>;
  /** Pods and containers that CRI is making, by name, as the daemon's log of the last minute tells; none where it cannot be read. */
  podsInMaking(): Promise<readonly string[]>;
  /** Changes whenever the daemon (re)creates its socket, so that a restart can be told; undefined: no socket. */
  instance(): Promise<string | undefined>;
  /** Asks the running daemon: plugins, CRI. Never throws; bounded to a few seconds. */
  health(signal: AbortSignal): Promise<ContainerdHealth>;
  /**
   * What of the running daemon's environment decides about its traces (`OTEL_*` without headers, which may be
   * secret); undefined: nobody runs, or we may not look.
   */
  tracesEnvironment(): Promise<Readonly<Record<string, string>> | undefined>;
  /** Asks the running daemon for its exporter of traces. Never throws; bounded to a few seconds. */
  exporter(signal: AbortSignal): Promise<Exporter>;
  /** CRI PullImage. Credentials are never sent. */
  pullImage(reference: string, timeoutMs: number, signal: AbortSignal): Promise<PullResult>;
  readonly images: ImageStore;
}

export type DumpResult =
  | { readonly ok: true; readonly toml: string; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly message: string };

export type CommandResult = { readonly ok: true } | { readonly ok: false; readonly message: string };

export interface UnitState {
  /** `dying`: it has ended by itself, and is started again by and by. `changing`: on its way up or down, for whatever reason. */
  readonly is: "running" | "stopped" | "failed" | "dying" | "changing";
  /** Starts after an end that nobody had asked for, since somebody last started it. */
  readonly restarts: number;
  /** What it said at its end, or how it ended. */
  readonly message?: string;
}

export interface ContainerdHealth {
  /** It could not be asked, for want of the root helper: nothing is known, and what follows says nothing. */
  readonly unknown?: true;
  /** The socket answered gRPC. */
  readonly reachable: boolean;
  /** CRI `Version` and `Status` answered. */
  readonly criReady: boolean;
  /** Plugins that report an initialisation error, with containerd's own words. */
  readonly failedPlugins: readonly { readonly id: string; readonly message: string }[];
  /** `registry.configPath` of CRI `Status(verbose)`; undefined where the version does not show it (2.x). */
  readonly criConfigPath?: string;
  /** Of the daemon that runs, as CRI tells it; the installed one may be newer. */
  readonly version?: ContainerdVersion;
  /** What went wrong, when not reachable or not ready. */
  readonly message?: string;
}

export type PullResult =
  | { readonly ok: true; readonly imageRef: string }
  /** `unknown`: it was not pulled at all, for want of the root helper. */
  | { readonly ok: false; readonly code: string; readonly message: string; readonly unknown?: true };

/** Asks a mirror from this node, the way containerd would. */
export interface MirrorProber {
  /** GET /v2/ (or the endpoint's path) with the mirror's TLS settings and credential. Never throws. */
  probe(mirror: Mirror, signal: AbortSignal): Promise<MirrorProbe>;
}

export interface MirrorProbe {
  readonly url: string;
  /** Reachable, TLS as Go would accept it, and the credential (if any) is accepted. */
  readonly ok: boolean;
  /** How the mirror asks for credentials; `unknown` when it could not be asked. */
  readonly challenge: "none" | "basic" | "bearer" | "unknown";
  readonly failure?: {
    readonly phase: "dns" | "connect" | "tls" | "http" | "auth" | "token";
    readonly message: string;
  };
  readonly durationMs: number;
}

export interface Clock {
  /** Wall clock, ms since the epoch. Jumps. Only for showing times and for certificate dates. */
  now(): number;
  /** Milliseconds since boot, suspend included. Never goes back within one boot. */
  uptimeMs(): number;
  /** Changes at every boot. */
  readonly bootId: string;
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Milliseconds since some moment, for spans within a piece of work: asking costs nothing. */
  loopMs(): number;
  /** Resolves when all that waits for the loop now has had its turn. */
  turn(): Promise<void>;
}

/** One line an event. Secrets never reach it. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

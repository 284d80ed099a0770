import type { Files } from "../ports.ts";

/** Looks at processes and units of this machine, changing nothing. Never throws: what cannot be looked at is undefined. */
export interface DaemonInspector {
  isListenedOn(socket: string): boolean;
  /** The process behind a socket. none: nobody listens · hidden: somebody does, and we may not see who. */
  find(socket: string): DaemonProcess | "none" | "hidden";
  /** Files as that process sees them, whatever its root and mounts are. */
  filesSeenBy(pid: number): Files;
  /** Those of the paths that the process has no permission to read, or to walk to. */
  unreadableFor(pid: number, paths: readonly string[]): readonly string[];
  /** When the file or what it stands for was last changed, its name included; ms since the epoch. */
  changedMs(path: string, seenBy: number): number | undefined;
  /** The file below one of these directories that changed last. */
  newestBelow(directories: readonly string[], seenBy: number): ChangedFile | undefined;
  /** A systemd unit. */
  unit(name: string): Promise<DaemonUnit | undefined>;
}

export interface ChangedFile {
  readonly path: string;
  readonly changedMs: number;
}

export interface DaemonProcess {
  readonly pid: number;
  /** ms since the epoch, by today's clock. */
  readonly startedMs?: number;
  /** When its socket was made, which is after it had read its configuration. */
  readonly listeningMs?: number;
  readonly commandLine?: readonly string[];
  readonly workingDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The file of the program, as the process has it. */
  readonly executable?: string;
  readonly uid?: number;
  /** It sees other mounts, or has another `/`. */
  readonly isApart?: boolean;
  /** The systemd unit it belongs to. */
  readonly unit?: string;
}

export interface DaemonUnit {
  /** Files of the unit have changed since systemd read them. */
  readonly needsReload: boolean;
  /** What systemd would start it with now, as far as it stands in the unit and the files it names. */
  readonly environment: Readonly<Record<string, string>>;
}

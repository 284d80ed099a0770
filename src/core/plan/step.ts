import type { TracesPlace } from "../containerd/tracing/traces-place.ts";
import type { RenderedFile } from "../file-tree.ts";

/**
 * One change of the host, as data. The order of a plan's steps is the order of their effects:
 * PEM files before the hosts.toml that names them; hosts.toml before the config.toml that makes containerd read
 * it; the restart right after config.toml and what switches traces, one for both; removals last.
 */
export type Step =
  | KeepOriginalsStep
  | CreateDirectoriesStep
  | WriteFilesStep
  | EditConfigStep
  | SwitchTracesStep
  | RestartContainerdStep
  | RemoveFilesStep
  | RemoveDirectoriesStep;

/** Keeps a copy of files that are about to be taken over, for `restore`. */
export interface KeepOriginalsStep {
  readonly kind: "keep-originals";
  readonly paths: readonly string[];
}

/** Creates host directories, each complete with its files in one rename. */
export interface CreateDirectoriesStep {
  readonly kind: "create-directories";
  readonly directories: readonly { readonly path: string; readonly files: readonly RenderedFile[] }[];
}

/** Writes files that do not depend on each other. */
export interface WriteFilesStep {
  readonly kind: "write-files";
  readonly files: readonly RenderedFile[];
}

/** Replaces the bytes of config.toml, which others edit too. */
export interface EditConfigStep {
  readonly kind: "edit-config";
  readonly path: string;
  /** The bytes the edit was planned on; undefined when there was no file. */
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;
  /** 0600 when `after` holds credentials of ours; undefined: as it is. */
  readonly mode?: number;
  /** What changes, a line each. */
  readonly changes: readonly string[];
}

/** Writes or removes what has containerd tell about its pulls. */
export interface SwitchTracesStep {
  readonly kind: "switch-traces";
  readonly to: "on" | "off";
  readonly files: readonly TextChange[];
  /** The change of config.toml in the same plan is what does it; there are no files. */
  readonly isInConfig: boolean;
  /** False where the containerd that runs has this environment already. */
  readonly needsRestart: boolean;
  /** Of what would be in force, so that what failed once can be told again. */
  readonly digest: string;
}

/**
 * A small file of ours without secrets, told by its text; undefined: none. The same before and after: it is right, and
 * containerd does not run with it; taken back, it goes.
 */
export interface TextChange {
  readonly place: TracesPlace;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface RestartContainerdStep {
  readonly kind: "restart-containerd";
  readonly reason: string;
}

export interface RemoveFilesStep {
  readonly kind: "remove-files";
  readonly paths: readonly string[];
  readonly afterEdit?: AfterEdit;
}

/**
 * Only once the config.toml of this plan is in force: the one before it names these files, and without them its
 * mirrors are gone, or every pull fails on a missing CA.
 */
export type AfterEdit = true;

/** Removes host directories that hold nothing but ours, each in one rename: left empty they would hide `_default`. */
export interface RemoveDirectoriesStep {
  readonly kind: "remove-directories";
  readonly paths: readonly string[];
  readonly afterEdit?: AfterEdit;
}

import type { InspectCertificates } from "../certificates.ts";
import type { ContainerdVersion } from "../containerd/version.ts";
import type { SourceFile } from "./source-file.ts";

/** What others than root and the agent's user can do with a file, by its owner and mode and those of all on the way. */
export interface Exposure {
  /** Why they could change what is read, a clause; undefined: they cannot. */
  readonly toChange?: string;
  /** Every user of the node can read it. */
  readonly toRead: boolean;
}

export interface SecretFile extends SourceFile {
  readonly exposure?: Exposure;
}

/** A file that a desired state names, as the shell found it. */
export type FileRead =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly exposure?: Exposure }
  | { readonly ok: false; readonly reason: string };

export interface FilesRead {
  /** By path; a path that is absent here does not exist. */
  readonly files: ReadonlyMap<string, FileRead>;
  /** Files of `secretsDir`, when it was asked for. */
  readonly secrets: readonly SecretFile[];
}

export interface ResolveContext {
  /** Wall clock, ms since the epoch, for certificate dates. */
  readonly nowMs: number;
  readonly inspectCertificates: InspectCertificates;
  /** The installed containerd; undefined leaves out the checks that depend on it. */
  readonly containerdVersion?: ContainerdVersion;
}

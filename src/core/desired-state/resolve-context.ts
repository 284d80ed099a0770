import type { InspectCertificates } from "../certificates.ts";
import type { ContainerdVersion } from "../containerd/version.ts";
import type { SourceFile } from "./source-file.ts";

/** A file that a desired state names, as the shell found it. */
export type FileRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: string };

export interface FilesRead {
  /** By path; a path that is absent here does not exist. */
  readonly files: ReadonlyMap<string, FileRead>;
  /** Files of `secretsDir`, when it was asked for. */
  readonly secrets: readonly SourceFile[];
}

export interface ResolveContext {
  /** Wall clock, ms since the epoch, for certificate dates. */
  readonly nowMs: number;
  readonly inspectCertificates: InspectCertificates;
  /** The installed containerd; undefined leaves out the checks that depend on it. */
  readonly containerdVersion?: ContainerdVersion;
}

import type { ContainerdVersion } from "../../core/containerd/version.ts";
import type { ImageContent } from "../../core/evidence/image-content.ts";
import type { ImageEvent } from "../../core/evidence/read-image-events.ts";
import type { CommandResult } from "../ports.ts";

/**
 * containerd's own view of CRI's images, below CRI: there, removing one reference removes every other reference to the
 * same content, too. What cannot be asked is undefined; nothing here throws.
 */
export interface ImageStore {
  /** The record of this name, those that name this digest, or all. */
  records(select: ImageSelection, signal: AbortSignal): Promise<readonly ImageRecord[] | undefined>;
  /** Whether a container or a sandbox was made from one of these records. */
  areUsed(names: readonly string[], signal: AbortSignal): Promise<boolean | undefined>;
  /** Deletes records by name, in order; absent ones are fine. Content that nothing names any more goes by itself. */
  deleteRecords(names: readonly string[], signal: AbortSignal): Promise<CommandResult>;
  /**
   * What is there of the image of this name. unusable: its manifest or its configuration is not there, so that it is
   * no image CRI could have pulled.
   */
  content(name: string, signal: AbortSignal): Promise<ImageContent | "unusable" | undefined>;
  /** Follows the records as they come and are written again, until the stream breaks: why it did. */
  watch(watcher: ImageWatcher, signal: AbortSignal): Promise<string>;
}

export type ImageSelection = "all" | { readonly name: string } | { readonly target: string };

/** One name of an image. */
export interface ImageRecord {
  /** `gcr.io/a/b:1`, `gcr.io/a/b@sha256:…`, or the ID, `sha256:…`. */
  readonly name: string;
  /** Digest of the manifest or index. */
  readonly target: string;
  /** The node's configuration wants it to stay: the sandbox image. Not marked before 1.7. */
  readonly pinned: boolean;
}

export interface ImageWatcher {
  /** From now on every event comes. `version`: of the daemon that runs; undefined when it does not tell. */
  onOpen(version: ContainerdVersion | undefined): void;
  onEvent(event: ImageEvent): void;
}

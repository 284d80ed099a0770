import type { AssembledBundle } from "../core/bundle/assemble-bundle.ts";
import type { Problem } from "../core/bundle/gathered.ts";
import type { ProgressPlace } from "./bundle-progress.ts";
import type { ExitCode } from "./command.ts";
import type { ConfigOptions, GlobalOptions } from "./commands.ts";

export interface BundleVerifyOptions extends GlobalOptions {
  /** An index that lacks some of its platforms is in order. */
  readonly allowMissingPlatforms: boolean | undefined;
}

export interface BundleCheckOptions extends ConfigOptions {
  readonly desired: readonly string[];
  /** A file with one image a line. */
  readonly images: string;
  readonly platform: readonly string[] | undefined;
  readonly containerdVersion: string | undefined;
}

/** Looks at bundles, and at what became of them. */
export interface BundleCommands {
  check(options: BundleCheckOptions): Promise<ExitCode>;
  ls(sources: readonly string[], options: GlobalOptions): Promise<ExitCode>;
  verify(sources: readonly string[], options: BundleVerifyOptions): Promise<ExitCode>;
}

/** A bundle that was found in a source. */
export interface FoundBundle {
  readonly bundle: AssembledBundle;
  /** `folder`, `tar`, `tar, compressed by xz`. */
  readonly container: string;
  readonly problems: readonly Problem[];
}

/** Bytes that were read; `total` undefined: nobody knows how many there are. */
export type OnProgress = (done: number, total: number | undefined) => void;

export interface BundleDeps extends ProgressPlace {
  /** What a source holds. Throws BundleError. */
  readonly open: (source: string, onProgress: OnProgress) => Promise<FoundBundle>;
  /** The same with every digest computed. */
  readonly verify: (source: string, onProgress: OnProgress) => Promise<FoundBundle>;
}

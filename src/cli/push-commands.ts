import type { ExitCode } from "./command.ts";
import type { GlobalOptions } from "./commands.ts";
import type { RegistryOptions } from "./read-login.ts";

export interface PushOptions extends GlobalOptions, RegistryOptions {
  readonly to: string | undefined;
  readonly privateRegistry: string | undefined;
  readonly source: readonly string[] | undefined;
  readonly images: string | undefined;
  readonly name: string | undefined;
  readonly threads: string;
  readonly chunkSize: string | undefined;
  readonly allowNewDigest: boolean | undefined;
  readonly deep: boolean | undefined;
  readonly dryRun: boolean | undefined;
}

/** What fills a mirror. */
export interface PushCommands {
  push(sources: readonly string[], options: PushOptions): Promise<ExitCode>;
}

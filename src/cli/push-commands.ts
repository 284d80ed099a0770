import type { ExitCode } from "./command.ts";
import type { GlobalOptions } from "./commands.ts";

export interface PushOptions extends GlobalOptions {
  readonly to: string | undefined;
  readonly privateRegistry: string | undefined;
  readonly source: readonly string[] | undefined;
  readonly images: string | undefined;
  readonly name: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly passwordStdin: boolean | undefined;
  /** `true`, or what was written: `false`. */
  readonly needCredential: string | true | undefined;
  readonly registryCredential: boolean | undefined;
  readonly dockerConfig: string | undefined;
  readonly cacert: readonly string[] | undefined;
  readonly certDir: string | undefined;
  readonly insecure: boolean | undefined;
  readonly plainHttp: boolean | undefined;
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

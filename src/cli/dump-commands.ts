import type { ExitCode } from "./command.ts";
import type { GlobalOptions } from "./commands.ts";
import type { RegistryOptions } from "./read-login.ts";

export interface DumpOptions extends GlobalOptions, RegistryOptions {
  readonly list: string | undefined;
  readonly output: string | undefined;
  /** HOST:PORT[/NAMESPACE], instead of the hosts of the names. */
  readonly from: string | undefined;
  readonly platform: readonly string[] | undefined;
  readonly referrers: boolean;
  readonly compression: string | undefined;
  readonly since: string | undefined;
  readonly splitSize: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly threads: string;
}

/** What takes images out of registries. */
export interface DumpCommands {
  dump(images: readonly string[], options: DumpOptions): Promise<ExitCode>;
}

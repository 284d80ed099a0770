import type { BundleCommands } from "./bundle-commands.ts";
import type { ExitCode } from "./command.ts";
import type { DoctorOptions } from "./doctor.ts";
import type { DumpCommands } from "./dump-commands.ts";
import type { FleetCommands } from "./fleet-commands.ts";
import type { PushCommands } from "./push-commands.ts";

/** Options that every command takes. */
export interface GlobalOptions {
  /** Absolute; put before every absolute path that is read or written, but for bundles and their options. "" for none. */
  readonly root: string;
  readonly json: boolean;
}

/** How commands that need the agent's configuration find it. */
export interface ConfigOptions extends GlobalOptions {
  /** agent.toml; undefined: the usual place, where it may be missing. */
  readonly config: string | undefined;
  /** `key=value`, each wins over agent.toml. */
  readonly set: readonly string[];
}

interface AgentOptions extends ConfigOptions {
  readonly printConfig: boolean;
}
interface ValidateCommandOptions extends ConfigOptions {
  readonly containerdVersion: string | undefined;
  readonly pullSecret: string | undefined;
  readonly secretsDir: string | undefined;
}
interface RenderCommandOptions extends ConfigOptions {
  readonly out: string;
  readonly containerdVersion: string | undefined;
  readonly containerdConfig: string | undefined;
}
export interface ChangeOptions extends ConfigOptions {
  readonly adopt: boolean;
  readonly noRestart: boolean;
}
export interface RestoreCommandOptions extends ConfigOptions {
  readonly noRestart: boolean;
}
interface StatusCommandOptions extends ConfigOptions {
  readonly npd: boolean;
}
interface ExplainCommandOptions extends ConfigOptions {
  readonly containerdVersion: string | undefined;
  readonly probe: boolean;
}

interface DoctorCommandOptions extends ConfigOptions, DoctorOptions {
  /** What an error of a pull says, instead of looking for findings. */
  readonly error?: string | undefined;
}

/** What each command does, once its arguments are understood. The program calls it, main.ts fills it in. */
export interface Commands extends PushCommands, DumpCommands {
  agent(options: AgentOptions): Promise<ExitCode>;
  apply(files: readonly string[], options: ChangeOptions): Promise<ExitCode>;
  plan(files: readonly string[], options: ChangeOptions): Promise<ExitCode>;
  restore(options: RestoreCommandOptions): Promise<ExitCode>;
  status(options: StatusCommandOptions): Promise<ExitCode>;
  explain(image: string, options: ExplainCommandOptions): Promise<ExitCode>;
  doctor(options: DoctorCommandOptions): Promise<ExitCode>;
  validate(files: readonly string[], options: ValidateCommandOptions): Promise<ExitCode>;
  render(files: readonly string[], options: RenderCommandOptions): Promise<ExitCode>;
  version(options: GlobalOptions): Promise<ExitCode>;
  readonly bundle: BundleCommands;
  readonly fleet: FleetCommands;
}

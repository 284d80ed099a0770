import type { ExitCode } from "./command.ts";
import type { GlobalOptions } from "./commands.ts";
import type { FleetStoreCommands } from "./fleet-store-commands.ts";

export interface FleetKeygenOptions extends GlobalOptions {
  readonly out: string;
}

export interface FleetSignOptions extends GlobalOptions {
  readonly key: string;
  readonly serial: string | undefined;
  readonly floorSerial: string | undefined;
  readonly fleet: string | undefined;
  readonly channel: string | undefined;
  readonly audience: string | undefined;
  readonly nodes: string | undefined;
  readonly label: readonly string[] | undefined;
  readonly notBefore: string | undefined;
  readonly expires: string | undefined;
  /** Undefined: standard output. */
  readonly out: string | undefined;
  readonly containerdVersion: string | undefined;
  readonly pullSecret: string | undefined;
  readonly secretsDir: string | undefined;
}

export interface FleetVerifyOptions extends GlobalOptions {
  /** Key files, or keys as `ed25519:…`. */
  readonly trust: readonly string[] | undefined;
  readonly threshold: string;
  /** Print the desired state that is signed. */
  readonly show: boolean | undefined;
}

export interface FleetServeOptions extends GlobalOptions {
  /** Undefined: /etc/mirrorlet/feed.toml, where it may be missing. */
  readonly config: string | undefined;
  readonly fleet: string | undefined;
  readonly engine: string | undefined;
  readonly controller: boolean;
  readonly set: readonly string[];
}

export type FleetControlOptions = Omit<FleetServeOptions, "controller">;

/** What is done away from nodes, for many of them. */
export interface FleetCommands {
  keygen(options: FleetKeygenOptions): Promise<ExitCode>;
  sign(files: readonly string[], options: FleetSignOptions): Promise<ExitCode>;
  verify(file: string, options: FleetVerifyOptions): Promise<ExitCode>;
  /** Until a signal ends it. */
  control(options: FleetControlOptions): Promise<ExitCode>;
  serve(options: FleetServeOptions): Promise<ExitCode>;
  readonly store: FleetStoreCommands;
}

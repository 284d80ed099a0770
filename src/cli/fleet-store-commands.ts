import type { ExitCode } from "./command.ts";
import type { GlobalOptions } from "./commands.ts";

/** How a command finds the fleet's engine. */
export interface StoreOptions extends GlobalOptions {
  /** `etcd://…` or `journal:/…` */
  readonly engine: string | undefined;
  readonly fleet: string | undefined;
  /** feed.toml; undefined: the usual place, where it may be missing. */
  readonly config: string | undefined;
  readonly set: readonly string[];
}

export interface DeedOptions extends StoreOptions {
  /** Undefined: the user who calls. */
  readonly by: string | undefined;
  readonly reason: string | undefined;
}

export interface WatchOptions extends StoreOptions {
  readonly watch: boolean | undefined;
}

export interface PublishOptions extends StoreOptions {
  readonly trust: readonly string[] | undefined;
  readonly threshold: string;
}

export interface ChannelSetOptions extends StoreOptions {
  readonly nodes: string | undefined;
  readonly label: readonly string[] | undefined;
  readonly dryRun: boolean | undefined;
}

export interface RolloutStartOptions extends WatchOptions {
  readonly to: string | undefined;
  readonly channel: string | undefined;
  readonly id: string | undefined;
  readonly supersedes: readonly string[] | undefined;
  readonly by: string | undefined;
  readonly dryRun: boolean | undefined;
}

export interface OverrideSetOptions extends DeedOptions {
  readonly to: string | undefined;
  readonly hold: boolean | undefined;
}

export interface InventoryImportOptions extends StoreOptions {
  readonly replace: boolean | undefined;
}

/** What an operator may want of a rollout that goes on. */
export const VERBS = ["pause", "resume", "retry", "halt", "revert", "expedite"] as const;

/** What is done with what is stored of a fleet. */
export interface FleetStoreCommands {
  publish(file: string, options: PublishOptions): Promise<ExitCode>;
  status(nodes: readonly string[], options: WatchOptions): Promise<ExitCode>;
  rolloutStart(file: string | undefined, options: RolloutStartOptions): Promise<ExitCode>;
  rolloutStatus(id: string | undefined, options: WatchOptions): Promise<ExitCode>;
  rolloutCommand(
    verb: (typeof VERBS)[number],
    id: string | undefined,
    options: DeedOptions,
  ): Promise<ExitCode>;
  channelList(options: StoreOptions): Promise<ExitCode>;
  channelSet(name: string, options: ChannelSetOptions): Promise<ExitCode>;
  channelRemove(name: string, options: StoreOptions): Promise<ExitCode>;
  overrideSet(nodes: readonly string[], options: OverrideSetOptions): Promise<ExitCode>;
  overrideClear(nodes: readonly string[], options: StoreOptions): Promise<ExitCode>;
  overrideList(options: StoreOptions): Promise<ExitCode>;
  inventoryList(options: StoreOptions): Promise<ExitCode>;
  inventorySet(words: readonly string[], options: StoreOptions): Promise<ExitCode>;
  inventoryImport(file: string, options: InventoryImportOptions): Promise<ExitCode>;
  inventoryRemove(nodes: readonly string[], options: StoreOptions): Promise<ExitCode>;
}

import type { Channel } from "../core/fleet/channel.ts";
import type { CommandResult } from "../core/fleet/command-rollout.ts";
import type { InventoryEntry } from "../core/fleet/inventory.ts";
import type { Override } from "../core/fleet/override.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import type { RolloutSpec } from "../core/fleet/rollout-spec.ts";
import type { RolloutState } from "../core/fleet/rollout-state.ts";
import type { FleetPicture } from "./fleet-report.ts";

/** What commands do with the engine of one fleet. All reject with FleetUnavailable. */
export interface FleetStorePort {
  readonly fleet: string;
  look(): Promise<FleetPicture>;
  /** Tells each picture of the fleet, at most one a second, until it is aborted. */
  watch(signal: AbortSignal, onPicture: (picture: FleetPicture) => void): Promise<void>;
  /** Published documents by digest; nobody has looked at them. */
  listBundles(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Names of rollouts whose records are gone. */
  listPastRollouts(): Promise<ReadonlySet<string>>;
  /** `other`: one with the same payload and other bytes is there; only `instead` is replaced. */
  putBundle(digest: string, bytes: Uint8Array, instead?: Uint8Array): Promise<"stored" | "same" | "other">;
  /** A text: why not. `before`: of one that cannot be read, the rollouts that there are of it. */
  writeChannel(
    name: string,
    change: (before: Channel | BrokenChannel | undefined) => Channel | string,
  ): Promise<Channel | string>;
  /** A text: why not. */
  removeChannel(name: string): Promise<string | undefined>;
  /** Makes it, by one look at the fleet, and begins it by the same. */
  beginRollout(plan: (picture: FleetPicture) => RolloutSpec | Refused): Promise<Begun | Refused>;
  /** `missing`: there is no such rollout. */
  changeRollout(id: string, change: (rollout: Rollout) => CommandResult): Promise<CommandResult | "missing">;
  setOverride(node: string, override: Override): Promise<void>;
  clearOverride(node: string): Promise<void>;
  /** Undefined as a value takes the entry out. */
  writeInventory(entries: ReadonlyMap<string, InventoryEntry | undefined>): Promise<void>;
  /** False: something was heard of it in the meantime. */
  forgetNode(node: string): Promise<boolean>;
}

export interface BrokenChannel {
  readonly rollouts: readonly Rollout[];
}

export interface Refused {
  readonly refusals: readonly string[];
}

/** Why no rollout of it begins. */
export function sayDoubt(doubt: string, channel: string): string {
  return `${doubt}: no rollout of ${channel} goes on until it can`;
}

export interface Begun {
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
}

/** The engine cannot be reached, or does not do what is asked. */
export class FleetUnavailable extends Error {
  override readonly name = "FleetUnavailable";
  /** Whether a write may have been made all the same. */
  readonly mayBeDone: boolean;
  constructor(message: string, mayBeDone: boolean, cause?: unknown) {
    super(message, { cause });
    this.mayBeDone = mayBeDone;
  }
}

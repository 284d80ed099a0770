import type { Sha256 } from "../../core/fleet/membership.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import type { FollowedFleet } from "../store/follow-fleet.ts";
import type { ControllerNotice } from "./controller-notice.ts";

export interface ControllerOptions {
  readonly store: FleetStore;
  /** Its records; the caller closes it, after the controller has stopped. */
  readonly followed: FollowedFleet;
  readonly self: ControllerIdentity;
  /** Of the wall: what is written down. Servers have to agree about it, within seconds. */
  readonly nowMs: () => number;
  /** Only grows: what is waited for. The clock of `followed`. */
  readonly uptimeMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly sha256: Sha256;
  readonly onNotice?: (notice: ControllerNotice) => void;
  readonly pace?: Partial<ControllerPace>;
}

export interface ControllerIdentity {
  /** Of this process, another one after a restart. */
  readonly id: string;
  readonly version: string;
  readonly host: string;
}

export interface ControllerPace {
  /** After its end another one may lead. */
  readonly leaseMs: number;
  /** How often it says that it is there. Servers freeze rollouts after CONTROLLER_FRESH_MS without. */
  readonly beatMs: number;
  /** How often it looks at everything, and how often one that stands by looks whether it is needed. */
  readonly lookMs: number;
  /** How soon it looks after something has changed. */
  readonly changedMs: number;
  /** By records older than this nothing is decided, and no beat is made. */
  readonly freshMs: number;
  /** After the engine could not be heard: servers first write what they were told meanwhile, or nodes would count as silent. */
  readonly settleMs: number;
  /** A leader that cannot see the records, or its own writes in them, for so long leaves the lead to one that can. */
  readonly blindMs: number;
}

export const CONTROLLER_PACE: ControllerPace = {
  leaseMs: 10_000,
  beatMs: 3_000,
  lookMs: 1_000,
  changedMs: 200,
  freshMs: 8_000,
  settleMs: 10_000,
  blindMs: 20_000,
};

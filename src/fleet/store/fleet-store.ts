import type { Engine } from "../engine/engine.ts";

/** Where the records of one fleet are. */
export interface FleetStore {
  readonly engine: Engine;
  readonly fleet: string;
}

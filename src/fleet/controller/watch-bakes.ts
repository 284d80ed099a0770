import type { RolloutState } from "../../core/fleet/rollout-state.ts";
import type { FleetRecords } from "../store/fleet-records.ts";

/** How long bakes go on, as far as this process has seen it. */
export interface BakeWatch {
  /** By rollout, ms. One that was not there at the last look counts from this one. Call it often. */
  look(records: Pick<FleetRecords, "state">): ReadonlyMap<string, number>;
  /** A state that was decided on at the last look has been written: if that begins a bake, it counts from then. */
  wrote(rollout: string, state: RolloutState): void;
}

interface Bake {
  readonly name: string;
  readonly sinceMs: number;
}

/**
 * A bake is written down by the clock of whoever leads. After a takeover, or when that clock is set, it would be shorter
 * than was asked for; by a clock that only grows it can but be longer, where nobody who is there has seen it begin.
 */
export function watchBakes(uptimeMs: () => number): BakeWatch {
  let bakes: ReadonlyMap<string, Bake> = new Map();
  let lookedMs = 0;
  return {
    look({ state: states }) {
      lookedMs = uptimeMs();
      const now = new Map<string, Bake>();
      for (const [id, { value }] of states) {
        const name = nameOf(value);
        if (name === undefined) continue;
        const before = bakes.get(id);
        now.set(id, before?.name === name ? before : { name, sinceMs: lookedMs });
      }
      bakes = now;
      return new Map([...now].map(([id, { sinceMs }]) => [id, lookedMs - sinceMs]));
    },
    wrote(id, state) {
      const name = nameOf(state);
      if (name !== undefined && bakes.get(id)?.name !== name)
        bakes = new Map([...bakes, [id, { name, sinceMs: lookedMs }]]);
    },
  };
}

function nameOf({ phase, wave, bakingMs }: RolloutState): string | undefined {
  return phase === "waves" && bakingMs !== undefined ? `${wave} ${bakingMs}` : undefined;
}

import type { FleetRecords } from "../store/fleet-records.ts";

/** How long bakes go on, as far as this process has seen it. */
export interface BakeWatch {
  /** By rollout, ms. One that was not there at the last look counts from this one. Call it often. */
  look(records: Pick<FleetRecords, "state">): ReadonlyMap<string, number>;
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
  return {
    look({ state: states }) {
      const nowMs = uptimeMs();
      const now = new Map<string, Bake>();
      for (const [id, { value }] of states) {
        const { phase, wave, bakingMs } = value;
        if (phase !== "waves" || bakingMs === undefined) continue;
        const name = `${wave} ${bakingMs}`;
        const before = bakes.get(id);
        now.set(id, before?.name === name ? before : { name, sinceMs: nowMs });
      }
      bakes = now;
      return new Map([...now].map(([id, { sinceMs }]) => [id, nowMs - sinceMs]));
    },
  };
}

import type { EngineNotice } from "../engine/engine.ts";
import { followPrefix } from "../engine/follow-prefix.ts";
import type { FollowCounts, FollowOptions } from "../engine/follower.ts";
import { collectRecords, type RecallStatus } from "./collect-records.ts";
import type { BrokenRecord, FleetRecords } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";
import { keyOf, type RecordName, recordsPrefix } from "./record-name.ts";

/** All records of a fleet, as the engine has them, in memory. */
export interface FollowedFleet {
  /** Resolves once all are there; rejects with EngineError when it is closed before. */
  readonly ready: Promise<void>;
  /** Kept up to date in place: what is read without an await in between belongs together. */
  readonly records: FleetRecords;
  revision(): number;
  /** How old `records` may be at most; Infinity before they are there. */
  ageMs(): number;
  /**
   * How long ago the controller's beat was last seen to change. Infinity: not yet, for how old a beat is that was there
   * before cannot be told; or nobody leads now.
   */
  beatAgeMs(): number;
  /** How far the wall clock that is given is ahead of what the controller's shows by now, by its newest beat; 0: not known. */
  clockOffMs(wallMs: number): number;
  counts(): FollowCounts;
  close(): Promise<void>;
}

export interface FollowFleetOptions extends Omit<FollowOptions, "onChanges" | "onNotice"> {
  /** After `records` have changed. Must not throw. */
  readonly onChanges?: (changed: readonly RecordName[]) => void;
  readonly onNotice?: (notice: FleetNotice) => void;
  /** Spares reading what the process itself has written. */
  readonly recall?: RecallStatus;
}

export type FleetNotice =
  | EngineNotice
  /** Told once for each value that cannot be read. */
  | { readonly kind: "broken-record"; readonly record: BrokenRecord };

export function followFleet({ engine, fleet }: FleetStore, options: FollowFleetOptions): FollowedFleet {
  const { onChanges, onNotice, recall, nowMs, ...pace } = options;
  const { records, apply } = collectRecords(
    fleet,
    (record) => onNotice?.({ kind: "broken-record", record }),
    recall,
  );
  const beatKey = keyOf(fleet, { kind: "controller", id: "" });
  let beat: number | undefined;
  let beatMs = Number.NEGATIVE_INFINITY;
  /** What the controller's clock showed when `nowMs` was 0, as if it had run then. */
  let controllerZeroMs: number | undefined;
  const followBeat = (): void => {
    const stored = records.controller.get("");
    // One of a later version, which cannot be read, beats too.
    const newest = (stored ?? records.broken.get(beatKey))?.modRevision;
    // Who has only just taken the lead has looked at nothing yet.
    if (newest === undefined || stored?.value.beat === 0) {
      beatMs = Number.NEGATIVE_INFINITY;
      controllerZeroMs = undefined;
    } else if (beat !== undefined && newest !== beat) {
      beatMs = nowMs();
      const { atMs } = stored?.value ?? {};
      controllerZeroMs = atMs === undefined ? undefined : atMs - beatMs;
    }
    beat = newest ?? beat;
  };
  const followed = followPrefix(engine, recordsPrefix(fleet), {
    ...pace,
    nowMs,
    onChanges(changes) {
      const changed = apply(changes);
      followBeat();
      if (changed.length > 0) onChanges?.(changed);
    },
    ...(onNotice && { onNotice }),
  });
  return {
    ready: followed.ready,
    records,
    revision: followed.revision,
    ageMs: followed.ageMs,
    beatAgeMs: () => nowMs() - beatMs,
    clockOffMs: (wallMs) => (controllerZeroMs === undefined ? 0 : wallMs - (controllerZeroMs + nowMs())),
    counts: followed.counts,
    close: followed.close,
  };
}

import type { Change, Engine, EngineNotice } from "./engine.ts";
import type { Replica } from "./replica.ts";

/** A prefix that is being followed. */
export interface Follower {
  readonly engine: Engine;
  readonly prefix: string;
  readonly options: FollowOptions;
  readonly replica: Replica;
  readonly counts: { -readonly [Name in keyof FollowCounts]: FollowCounts[Name] };
  readonly tell: (changes: readonly Change[]) => void;
}

export interface FollowCounts {
  /** Listings that were needed to go on: the first, after a compaction, after the store was replaced. */
  readonly listings: number;
  /** Changes that a watch should have told and a listing did: the engine has lost them. */
  readonly repairs: number;
}

export interface FollowOptions {
  readonly nowMs: () => number;
  readonly random: () => number;
  /** In order, with what a listing has brought told as changes too. Must not throw. */
  readonly onChanges?: (changes: readonly Change[]) => void;
  readonly onNotice?: (notice: EngineNotice) => void;
  /** How often all is listed and compared. Default: 5 min. */
  readonly relistMs?: number;
  /** How often the engine is asked for its revision. Default: 3 s. */
  readonly proveMs?: number;
}

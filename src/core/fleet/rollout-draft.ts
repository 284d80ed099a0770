import type { RolloutSpec, Wave, WavePick } from "./rollout-spec.ts";

/** A rollout as people write it: before it is known what it brings, and counted out on no fleet yet. */
export interface RolloutDraft
  extends Omit<
    RolloutSpec,
    "id" | "channel" | "from" | "to" | "waves" | "createdMs" | "createdBy" | "supersedes"
  > {
  readonly id?: string;
  readonly channel?: string;
  readonly waves: readonly DraftWave[];
}

export interface DraftWave extends Omit<Wave, "pick"> {
  readonly pick: DraftPick;
}

/** `perClass`: so many nodes of each class, connected ones first. */
export type DraftPick = WavePick | { readonly kind: "perClass"; readonly count: number };

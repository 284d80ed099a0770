import type { Bundle } from "../../core/fleet/bundle.ts";
import type { Phase } from "../../core/fleet/phase.ts";
import type { Answer } from "./feed-memory.ts";
import type { KeeperContext } from "./keeper-context.ts";

/** How it stands with what the feed has assigned, for status and metrics. */
export interface FeedStanding {
  /** Of what passes bring into force; undefined: the feed has chosen nothing yet. */
  readonly selected?: Bundle & { readonly isSoaked: boolean };
  readonly assignment?: { readonly id: string; readonly phase: Phase; readonly held?: string };
  readonly lastAnswer?: Pick<Answer, "assignmentId" | "phase" | "error" | "atMs">;
  /** Since the agent started, by phase. */
  readonly answers: ReadonlyMap<Phase, number>;
}

export function standingOf({ memory, arrived, speaker }: KeeperContext): FeedStanding {
  const { selected, task, answers } = memory.current;
  const last = answers.at(-1);
  const current = arrived.waiting?.assignment ?? arrived.trying?.assignment ?? task;
  const held = speaker.held?.id === current?.id ? speaker.held?.message : undefined;
  const phase: Phase =
    held !== undefined ? "held" : current === task && task?.applied ? "applied" : "verified";
  return {
    ...(selected && { selected }),
    ...(current && { assignment: { id: current.id, phase, ...(held === undefined ? {} : { held }) } }),
    ...(last && { lastAnswer: last }),
    answers: speaker.counts,
  };
}

import type { GoneServers } from "../../core/fleet/assess-node.ts";
import type { WaveOf } from "../../core/fleet/decision.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";
import { EngineError } from "../engine/engine-error.ts";
import type { WriteResult } from "../store/commit.ts";
import { type Leadership, ledBy } from "../store/lead-fleet.ts";
import { viewFleet } from "../store/view-fleet.ts";
import { decideState, pruneRollout, type StateDecision } from "../store/write-rollout.ts";
import { writeTokens } from "../store/write-tokens.ts";
import type { ControllerOptions } from "./controller-options.ts";
import { planRound, type Reclaim, type RoundPlan } from "./plan-round.ts";
import type { BakeWatch } from "./watch-bakes.ts";

/** What a leader knows beside the records, for as long as it leads without a gap. */
export interface Memory {
  readonly watchedSinceMs: number;
  readonly waves: (spec: RolloutSpec) => WaveOf;
  readonly bakes: BakeWatch;
  gone: GoneServers;
  left: GoneServers;
  /** Up to which revision its own writes have come: by records from before, they would be made again. */
  writtenRevision: number;
}

export interface RoundReport {
  readonly plan: RoundPlan;
  /** How many writes found that something had changed meanwhile: the next round sees it. */
  readonly conflicts: number;
  /** Everything that had to be written is. Else the servers had better do nothing new. */
  readonly isWhole: boolean;
}

/** Looks at everything, decides, writes. Undefined: the records do not show yet what was written last. */
export async function runRound(
  options: ControllerOptions,
  leadership: Leadership,
  memory: Memory,
): Promise<RoundReport | undefined> {
  const { store, followed, nowMs, onNotice } = options;
  const { records } = followed;
  if (followed.revision() < memory.writtenRevision) return undefined;
  const atMs = nowMs();
  const seen = viewFleet(records, memory, memory.watchedSinceMs, atMs);
  memory.gone = seen.gone;
  memory.left = seen.left ?? memory.left;
  const view = { ...seen, bakedMs: memory.bakes.look(records) };
  const plan = planRound(records, view, memory.waves, atMs);

  let conflicts = 0;
  let hasFailed = false;
  const write = async (what: string, make: () => Promise<WriteResult>): Promise<boolean> => {
    // An engine that does not answer would not answer the next one either.
    if (hasFailed) return false;
    try {
      const result = await make();
      if (result.ok) memory.writtenRevision = Math.max(memory.writtenRevision, result.revision);
      else conflicts++;
      return result.ok;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      hasFailed = true;
      onNotice?.({ kind: "failed", what, error });
      return false;
    }
  };
  const writeDecision = async (decision: StateDecision): Promise<void> => {
    const { id, before, state } = decision;
    const isWritten = await write(`what was decided for the rollout ${id}`, () =>
      decideState(store, leadership, decision),
    );
    if (isWritten) onNotice?.({ kind: "decided", rollout: id, before: before.value, state });
  };
  const writeReclaim = ({ id, before, tokens }: Reclaim): Promise<boolean> =>
    write(`the tokens of the rollout ${id}`, () =>
      writeTokens(store, id, before, tokens, [ledBy(leadership)]),
    );
  for (const decision of plan.decisions) await writeDecision(decision);
  for (const reclaim of plan.reclaims) await writeReclaim(reclaim);
  const { prune } = plan;
  if (prune !== undefined)
    await write(`the end of the rollout ${prune.id}`, () => pruneRollout(store, leadership, records, prune));
  return { plan, conflicts, isWhole: !hasFailed && plan.bugs.size === 0 };
}

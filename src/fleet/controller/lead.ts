import { EngineError } from "../engine/engine-error.ts";
import { writeBeat } from "../store/lead-fleet.ts";
import type { ControllerBoard } from "./controller-board.ts";
import type { ControllerOptions, ControllerPace } from "./controller-options.ts";
import { rememberWaves } from "./remember-waves.ts";
import { type Memory, runRound } from "./run-round.ts";
import { type HeldLead, pauseInLead } from "./seek-lead.ts";
import type { BakeWatch } from "./watch-bakes.ts";
import type { Freshness } from "./watch-freshness.ts";

/**
 * Looks, decides and beats until the lead is lost or left; why, in words. A beat says more than that somebody is alive:
 * everything was looked at in fresh records, and what had to be written is. So a controller that cannot halt a rollout
 * does not beat, and the servers freeze it.
 */
export async function lead(
  options: ControllerOptions,
  pace: ControllerPace,
  held: HeldLead,
  look: () => Freshness,
  bakes: BakeWatch,
  board: ControllerBoard,
  signal: AbortSignal,
): Promise<string> {
  const { store, followed, self, nowMs, uptimeMs, onNotice } = options;
  const { lease, leadership, sinceMs } = held;
  const waves = rememberWaves(options.sha256);
  let memory: Memory | undefined;
  let [beat, beatenMs] = [0, Number.NEGATIVE_INFINITY];
  let missingSinceMs: number | undefined;

  /** False: the lead is lost. */
  const beatNow = async (): Promise<boolean> => {
    const askedMs = uptimeMs();
    try {
      const result = await writeBeat(store, leadership, { ...self, sinceMs, beat: beat + 1, atMs: nowMs() });
      if (!result.ok) return false;
      [beat, beatenMs] = [beat + 1, askedMs];
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      onNotice?.({ kind: "failed", what: "the controller's beat", error });
    }
    return true;
  };

  const isOver = (): boolean => signal.aborted || lease.lost.aborted;
  /** Until something has changed since then, or it is time to look anyway. */
  const rest = async (revision: number, startedMs: number): Promise<void> => {
    // Of a large fleet a look takes a tenth of the time at most, and a beat comes all the same.
    const tookMs = uptimeMs() - startedMs;
    await pauseInLead(Math.max(pace.changedMs, Math.min(10 * tookMs, pace.beatMs)), held, signal);
    while (!isOver() && followed.revision() === revision && uptimeMs() - startedMs < pace.lookMs)
      await pauseInLead(pace.changedMs, held, signal);
  };

  while (!isOver()) {
    const startedMs = uptimeMs();
    const revision = followed.revision();
    const freshness = look();
    if (freshness.is === "blind" && freshness.forMs > pace.blindMs)
      return `the records could not be seen for ${Math.round(freshness.forMs / 1000)} s`;
    if (freshness.is === "fresh") {
      // All that whoever led before has written is there: the key was made after that.
      memory ??= {
        watchedSinceMs: nowMs(),
        waves,
        bakes,
        gone: new Map(),
        left: new Map(),
        writtenRevision: leadership.createRevision,
      };
      const report = await runRound(options, leadership, memory);
      if (report !== undefined) board.tell(report);
      missingSinceMs = report === undefined ? (missingSinceMs ?? startedMs) : undefined;
      // Also where the key was in the backup: what has been decided since would be waited for without end.
      if (missingSinceMs !== undefined && startedMs - missingSinceMs > pace.blindMs)
        return "the engine does not have what was written last, as after it was put back from a backup";
      const isDue = uptimeMs() - beatenMs >= pace.beatMs;
      if (report?.isWhole && isDue && !(await beatNow())) return "another one has the lead";
    } else {
      if (freshness.is === "blind" && memory !== undefined)
        onNotice?.({ kind: "blind", ageMs: followed.ageMs() });
      // What was seen before the gap is not held against anybody.
      memory = undefined;
    }
    await rest(revision, startedMs);
  }
  return signal.aborted ? "it was stopped" : `its lease is gone: ${wordsOf(lease.lost.reason)}`;
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

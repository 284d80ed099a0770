import type { FleetView } from "./assess-node.ts";
import { assessPreflight } from "./assess-preflight.ts";
import { assessWave, type Counts, countReverts, type WaveAssessment } from "./assess-wave.ts";
import type { WaveOf } from "./decision.ts";
import type { RolloutSummary, WaveSummary } from "./fleet-summary.ts";
import type { FleetNode } from "./node-status.ts";
import type { Rollout } from "./rollout.ts";
import { isEnded } from "./rollout-state.ts";

export interface SummarizedRollout {
  readonly summary: RolloutSummary;
  /** Of the released waves. */
  readonly assessed: readonly WaveAssessment[];
}

/** How a rollout stands, wave by wave. */
export function summarizeRollout(
  rollout: Rollout,
  view: FleetView,
  waveOf: WaveOf,
  nowMs: number,
): SummarizedRollout {
  const { spec, state } = rollout;
  const members: FleetNode[][] = spec.waves.map(() => []);
  for (const node of view.nodes) {
    const wave = waveOf(node);
    if (wave !== undefined) members[wave]?.push(node);
  }
  const isWatched = state.phase === "waves" || (state.phase === "halted" && state.halted?.wave !== undefined);
  // Where it has ended, what nodes were told last may be of another one.
  const released = members.slice(0, state.wave + 1);
  const assessed = isWatched
    ? released.map((nodes, index) => assessWave(rollout, index, nodes, view, nowMs))
    : [];
  const counts =
    state.phase === "reverting"
      ? released.map((nodes) => countReverts(rollout, nodes, view, nowMs))
      : assessed.map((one) => one.counts);
  const waves = spec.waves.map(({ name }, index) =>
    describeWave(name, members[index]?.length ?? 0, counts[index]),
  );
  const progress = isEnded(state) ? {} : { progress: sumUp(waves) };
  return { summary: { ...describeRollout(rollout, view, nowMs), waves, ...progress }, assessed };
}

function describeWave(name: string, members: number, counts: Counts | undefined): WaveSummary {
  return { name, members, isReleased: counts !== undefined, ...(counts && { counts }) };
}

function describeRollout({ spec, state }: Rollout, view: FleetView, nowMs: number) {
  const asked =
    state.phase === "preflight" && spec.preflight.nodes === "all"
      ? assessPreflight({ spec, state }, view, nowMs)
      : undefined;
  return {
    id: spec.id,
    channel: spec.channel,
    toDigest: spec.to.digest,
    toSerial: spec.to.serial,
    state,
    ...(asked && {
      preflight: { ok: asked.ok.length, failed: asked.failed.length, pending: asked.pending },
    }),
  };
}

function sumUp(waves: readonly WaveSummary[]): { readonly done: number; readonly of: number } {
  let done = 0;
  let of = 0;
  for (const { members, counts } of waves) {
    done += counts?.done ?? 0;
    of += members - (counts ? counts.offline + counts.excluded : 0);
  }
  return { done, of };
}

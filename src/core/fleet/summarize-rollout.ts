import type { FleetView } from "./assess-node.ts";
import { assessPreflight } from "./assess-preflight.ts";
import { assessWave, type WaveAssessment } from "./assess-wave.ts";
import type { WaveOf } from "./decision.ts";
import type { RolloutSummary, WaveSummary } from "./fleet-summary.ts";
import type { FleetNode } from "./node-status.ts";
import type { Rollout } from "./rollout.ts";

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
  const isStarted =
    state.phase !== "preflight" && !(state.phase === "halted" && state.halted?.wave === undefined);
  const assessed = isStarted
    ? members.slice(0, state.wave + 1).map((nodes, index) => assessWave(rollout, index, nodes, view, nowMs))
    : [];
  const waves = spec.waves.map(({ name }, index): WaveSummary => {
    const counts = assessed[index]?.counts;
    return {
      name,
      members: members[index]?.length ?? 0,
      isReleased: counts !== undefined,
      ...(counts && { counts }),
    };
  });
  return { summary: { ...describeRollout(rollout, view, nowMs), waves, ...sumUp(waves) }, assessed };
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

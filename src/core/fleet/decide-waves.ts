import type { FleetView } from "./assess-node.ts";
import { assessWave, type WaveAssessment } from "./assess-wave.ts";
import type { Decision, WaitCode, WaveOf } from "./decision.ts";
import { gatherEvidence } from "./gather-evidence.ts";
import { haltRollout } from "./halt-rollout.ts";
import type { FleetNode } from "./node-status.ts";
import type { Rollout } from "./rollout.ts";
import type { Wave } from "./rollout-spec.ts";
import { type Evidence, type HaltCode, NO_EVIDENCE, type RolloutState } from "./rollout-state.ts";
import { isOpen } from "./windows.ts";

/** A bake of an emergency is as long as a soak, and this at least. */
const MIN_BAKE_MS = 60_000;

/** The released waves are watched, all of them; then the newest one bakes, and the next is released. */
export function decideWaves(
  rollout: Rollout,
  view: FleetView,
  waveOf: WaveOf,
  nowMs: number,
): Decision | "finish" {
  const { state } = rollout;
  const waves = assessReleased(rollout, view, waveOf, nowMs);
  for (const [index, wave] of waves.entries()) {
    const code = findBreach(wave);
    if (code !== undefined) return halt(rollout, code, index, waves, nowMs);
  }
  if (state.paused !== undefined) return wait("paused");
  const current = waves[state.wave] as WaveAssessment;
  return decideCurrent(rollout, current, view, nowMs, (code) =>
    halt(rollout, code, state.wave, waves, nowMs),
  );
}

/**
 * After a halt, what is known of it grows until all who had been told have answered: then its evidence is written once
 * more, and for good.
 */
export function completeHalt(rollout: Rollout, view: FleetView, waveOf: WaveOf, nowMs: number): Decision {
  const { state } = rollout;
  const { halted } = state;
  if (halted?.wave === undefined || halted.isWhole) return wait("halted");
  const waves = assessReleased(rollout, view, waveOf, nowMs);
  if (waves.some(({ counts }) => counts.working > 0)) return wait("halted");
  return {
    kind: "write",
    state: { ...state, halted: { ...halted, isWhole: true, evidence: gather(waves) } },
  };
}

function assessReleased(
  rollout: Rollout,
  view: FleetView,
  waveOf: WaveOf,
  nowMs: number,
): readonly WaveAssessment[] {
  const members = groupByWave(view.nodes, waveOf, rollout.state.wave);
  return members.map((nodes, index) => assessWave(rollout, index, nodes, view, nowMs));
}

function groupByWave(nodes: readonly FleetNode[], waveOf: WaveOf, last: number): readonly FleetNode[][] {
  const groups: FleetNode[][] = Array.from({ length: last + 1 }, () => []);
  for (const node of nodes) {
    const wave = waveOf(node);
    if (wave !== undefined) groups[wave]?.push(node);
  }
  return groups;
}

function findBreach({ isTooManyFailed, isTooManyLost }: WaveAssessment): HaltCode | undefined {
  if (isTooManyFailed) return "too-many-failed";
  return isTooManyLost ? "too-many-silent" : undefined;
}

function decideCurrent(
  rollout: Rollout,
  current: WaveAssessment,
  view: FleetView,
  nowMs: number,
  halt: (code: HaltCode) => Decision,
): Decision | "finish" {
  const { spec, state } = rollout;
  const wave = spec.waves[state.wave] as Wave;
  if (!current.isEnough) {
    const { working, waiting } = current.counts;
    if (current.isSettled) return halt("too-few-done");
    return wait(working + waiting > 0 ? "wave" : "offline");
  }
  const isUntried = state.wave === 0 && (current.untried.length > 0 || current.done.length === 0);
  if (isUntried) {
    const isLate = nowMs >= Math.max(state.startedMs, view.watchedSinceMs) + spec.reportByMs;
    return isLate && current.isSettled ? halt("class-untried") : wait("class-untried");
  }
  if (current.of > 0) {
    const watchedMs = view.bakedMs?.get(spec.id);
    // By another clock: it would last for as long as that one was ahead.
    if (state.bakingMs === undefined || (watchedMs === undefined && state.bakingMs > nowMs))
      return { kind: "write", state: { ...state, bakingMs: nowMs } };
    const bakedMs = watchedMs ?? nowMs - state.bakingMs;
    if (bakedMs < bakeOf(wave, rollout)) return wait("baking");
    if (current.isTooManyAway) return wait("away");
    if (current.unproven.length > 0 && state.expedited === undefined)
      return bakedMs >= wave.maxBakeMs ? halt("unproven") : wait("unproven");
  }
  return advance(rollout, nowMs);
}

/** How long a wave is watched once enough of it are done. */
export function bakeOf({ bakeMs }: Wave, { spec, state }: Rollout): number {
  return state.expedited === undefined ? bakeMs : Math.min(bakeMs, Math.max(MIN_BAKE_MS, spec.soakMs));
}

function advance({ spec, state }: Rollout, nowMs: number): Decision | "finish" {
  if (state.expedited === undefined && !isOpen(spec.windows, nowMs)) return wait("out-of-window");
  if (state.wave + 1 >= spec.waves.length) return "finish";
  const { bakingMs: _, ...rest } = state;
  return { kind: "write", state: { ...rest, wave: state.wave + 1, startedMs: nowMs } satisfies RolloutState };
}

function halt(
  rollout: Rollout,
  code: HaltCode,
  index: number,
  waves: readonly WaveAssessment[],
  nowMs: number,
): Decision {
  const at = waves[index] as WaveAssessment;
  const message = describeHalt(code, rollout.spec.waves[index]?.name ?? "", at);
  return haltRollout(rollout, code, message, code === "unproven" ? NO_EVIDENCE : gather(waves), nowMs);
}

/** Of all released waves: a cause may show in several. */
function gather(waves: readonly WaveAssessment[]): Evidence {
  return gatherEvidence(
    waves.flatMap(({ failed, lost }) => [...failed, ...lost]),
    waves.flatMap(({ done, hopeful }) => [...done, ...hopeful]),
  );
}

function describeHalt(
  code: HaltCode,
  name: string,
  { counts, of, untried, unproven }: WaveAssessment,
): string {
  const bad = [
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.silent > 0 ? [`${counts.silent} did not answer`] : []),
    ...(counts.suspect > 0 ? [`${counts.suspect} lost their connection after they had been told`] : []),
  ];
  switch (code) {
    case "class-untried": {
      const classes = untried.map((one) => (one === "" ? "(none)" : one)).join(", ");
      return `wave ${name}: no connected node ${classes === "" ? "" : `of class ${classes} `}to try it on`;
    }
    case "unproven":
      return `wave ${name}: nothing was pulled from ${unproven.join(", ")}, so nothing is proven`;
    default:
      return `wave ${name}: of ${of} nodes ${counts.done} did well, ${bad.join(", ")}`;
  }
}

function wait(code: WaitCode): Decision {
  return { kind: "wait", code };
}

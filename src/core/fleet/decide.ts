import { matchesSelector } from "../signing/selector.ts";
import { assessRevert, explainOutcome, type FleetView, type Outcome } from "./assess-node.ts";
import { assessPreflight, describePreflight } from "./assess-preflight.ts";
import type { Channel } from "./channel.ts";
import { completeHalt, decideWaves } from "./decide-waves.ts";
import type { Decision, WaveOf } from "./decision.ts";
import { gatherEvidence, type UnwellNode } from "./gather-evidence.ts";
import { haltRollout } from "./halt-rollout.ts";
import type { Rollout } from "./rollout.ts";
import type { RolloutState } from "./rollout-state.ts";
import { isStorable, withStable } from "./with-stable.ts";

/**
 * What the controller does now with a rollout. Everything it goes by is stored, so that a controller that takes over
 * decides as the one before it would have.
 */
export function decide(
  rollout: Rollout,
  channel: Channel,
  view: FleetView,
  waveOf: WaveOf,
  nowMs: number,
): Decision {
  const { spec, state } = rollout;
  switch (state.phase) {
    case "preflight":
      return decidePreflight(rollout, view, nowMs);
    case "waves": {
      const decision = decideWaves(rollout, view, waveOf, nowMs);
      return decision === "finish" ? finish() : decision;
    }
    case "reverting":
      return decideRevert(rollout, channel, view, nowMs);
    case "halted":
      return state.halted?.code === "preflight-failed"
        ? completePreflight(rollout, view, nowMs)
        : completeHalt(rollout, view, waveOf, nowMs);
    default:
      return { kind: "wait", code: "ended" };
  }

  function finish(): Decision {
    const { bakingMs: _, ...rest } = state;
    const next = withStable(channel, spec.scope, spec.to);
    if (!isStorable(next)) return { kind: "wait", code: "no-room" };
    const done = { ...rest, phase: "done", startedMs: nowMs, generation: next.generation } as const;
    return { kind: "write", state: done, channel: next };
  }
}

function decidePreflight(rollout: Rollout, view: FleetView, nowMs: number): Decision {
  const { spec, state } = rollout;
  const first: RolloutState = { ...state, phase: "waves", wave: 0, startedMs: nowMs };
  if (spec.preflight.nodes === "none") return paused(state) ?? { kind: "write", state: first };
  const assessed = assessPreflight(rollout, view, nowMs);
  const { ok, failed, pending } = assessed;
  if (failed.length > spec.preflight.maxFailed)
    return haltRollout(
      rollout,
      "preflight-failed",
      describePreflight(assessed),
      gatherEvidence(failed, ok),
      nowMs,
    );
  if (state.paused !== undefined) return { kind: "wait", code: "paused" };
  if (pending > 0) return { kind: "wait", code: "preflight" };
  if (ok.length > 0) return { kind: "write", state: first };
  if (nowMs < Math.max(state.startedMs, view.watchedSinceMs) + spec.preflight.reportByMs)
    return { kind: "wait", code: "nobody-connected" };
  const message =
    assessed.unheard === 0
      ? "no node of the scope was connected to be asked"
      : `${assessed.unheard} of the scope were connected, and none could be asked in time: fleet status NODE says why; are the clocks of the controller and the feed servers apart?`;
  return haltRollout(rollout, "preflight-empty", message, gatherEvidence(failed, ok), nowMs);
}

/** As `completeHalt`: the others that have been asked answer as well, and may name another cause. */
function completePreflight(rollout: Rollout, view: FleetView, nowMs: number): Decision {
  const { state } = rollout;
  const { halted } = state;
  const assessed = assessPreflight(rollout, view, nowMs);
  if (halted === undefined || halted.isWhole || assessed.asked > 0) return { kind: "wait", code: "halted" };
  const evidence = gatherEvidence(assessed.failed, assessed.ok);
  // Who has lost its connection since is not counted any more.
  const known =
    evidence.count < halted.evidence.count ? {} : { evidence, message: describePreflight(assessed) };
  return { kind: "write", state: { ...state, halted: { ...halted, ...known, isWhole: true } } };
}

function decideRevert(rollout: Rollout, channel: Channel, view: FleetView, nowMs: number): Decision {
  const { spec, state } = rollout;
  const stuck: UnwellNode[] = [];
  let isBusy = false;
  for (const node of view.nodes) {
    if (!matchesSelector(spec.scope, node)) continue;
    const outcome = assessRevert(rollout, node, view, nowMs);
    if (outcome === "waiting" || outcome === "working") isBusy = true;
    if (isStuck(outcome)) stuck.push({ node, error: explainOutcome(rollout, node, outcome) });
  }
  if (isBusy) return paused(state) ?? { kind: "wait", code: "reverting" };
  // Another generation: who is told of the stable state from here on is told something new.
  const next = { ...channel, generation: channel.generation + 1 };
  const ended = { ...state, phase: "reverted", startedMs: nowMs, generation: next.generation } as const;
  const left = stuck.length === 0 ? {} : { left: gatherEvidence(stuck, []) };
  return { kind: "write", state: { ...ended, ...left }, channel: next };
}

function isStuck(outcome: Outcome): boolean {
  return outcome === "failed" || outcome === "silent" || outcome === "offline";
}

function paused({ paused }: RolloutState): Decision | undefined {
  return paused === undefined ? undefined : { kind: "wait", code: "paused" };
}

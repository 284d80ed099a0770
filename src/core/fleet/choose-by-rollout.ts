import { type Assignment, type Choice, idOf, type Reason } from "./assignment.ts";
import { type Channel, stableFor } from "./channel.ts";
import { chooseStable } from "./choose-stable.ts";
import { holdBack } from "./hold-back.ts";
import { isOnThisStream, isOverdue } from "./in-flight.ts";
import { findWave, type Sha256 } from "./membership.ts";
import type { FleetNode, Mode, NodeStatus } from "./node-status.ts";
import { isFinal } from "./phase.ts";
import { hasRefused, mayRunNew, offerOf } from "./read-offer.ts";
import { listStrays, type Rollout } from "./rollout.ts";
import { isOpen } from "./windows.ts";

/** No controller watches over the rollout, or by its clock nobody would know how long nodes take. */
export type Freeze = Extract<Reason, "controller-silent" | "clock-off">;

export interface RolloutQuestion {
  readonly node: FleetNode;
  readonly status: NodeStatus;
  readonly rollout: Rollout;
  readonly name: string;
  readonly channel: Channel;
  /** Why no node is told of the new state now. */
  readonly frozen: Freeze | undefined;
  readonly nowMs: number;
  readonly sha256: Sha256;
}

/** For a node in the scope of a rollout that has not ended. */
export function chooseByRollout(question: RolloutQuestion): Choice {
  switch (question.rollout.state.phase) {
    case "preflight":
      return chooseInPreflight(question);
    case "waves":
      return chooseInWaves(question);
    case "reverting":
      return chooseInRevert(question);
    default:
      return stableUnlessNew(question, "halted");
  }
}

function chooseInPreflight(question: RolloutQuestion): Choice {
  const { status, rollout, frozen } = question;
  const { spec, state } = rollout;
  const stable = stableUnlessNew(question, "settled");
  // One after the other: a newer assignment would take the place of the stable one.
  if (stable.assignment !== undefined || stable.reason === "under-way") return stable;
  if (spec.preflight.nodes === "none") return stable;
  const { preflight } = status;
  if (preflight?.rolloutId === spec.id && preflight.attempt === state.attempt) return stable;
  const offer = offerOf(rollout, status, "preflight");
  if (offer !== undefined && isOnThisStream(status, offer)) return { reason: "under-way" };
  if (frozen !== undefined) return { reason: frozen };
  if (state.paused !== undefined) return { reason: "paused" };
  return { assignment: build(question, "preflight", 0), reason: "preflight" };
}

function chooseInWaves(question: RolloutQuestion): Choice {
  const { node, status, rollout, sha256 } = question;
  const { spec, state } = rollout;
  const wave = findWave(spec, node, sha256);
  if (wave === undefined || wave > state.wave)
    return stableUnless(
      question,
      spec.supersedes.map(({ digest }) => digest),
      "settled",
    );
  if (hasRefused(rollout, status)) return orReason(stableUnlessNew(question, "refused"), "refused");
  const { offer, running } = status;
  if (running?.digest === spec.to.digest && offer?.rolloutId === spec.id && offer.phase === "soaked")
    return { reason: "settled" };
  const blocked = findBlock(question);
  if (blocked !== undefined && offerOf(rollout, status, "apply") === undefined)
    return orReason(stableUnlessNew(question, blocked), blocked);
  return standOrSend(question, "apply", wave, blocked, "wave");
}

function chooseInRevert(question: RolloutQuestion): Choice {
  const { status, rollout, frozen } = question;
  const offer = offerOf(rollout, status, "revert");
  if (offer === undefined && !mayRunNew(rollout.spec, status)) return stableUnlessNew(question, "settled");
  // Without waiting for a token: it would begin in the meantime.
  const held = offer === undefined ? holdBack(status, { reason: "halted" }) : undefined;
  if (held?.assignment !== undefined) return held;
  // Taking back waits for no clock: that a node is called late is the lesser harm.
  const silent = frozen === "clock-off" ? undefined : frozen;
  const blocked = silent ?? (rollout.state.paused ? "paused" : undefined);
  return standOrSend(question, "revert", rollout.state.wave, blocked, "revert");
}

/** What keeps this node from being told of the new state now; nodes that have been told go on. */
function findBlock({ rollout, frozen, nowMs }: RolloutQuestion): Reason | undefined {
  const { spec, state } = rollout;
  if (frozen !== undefined) return frozen;
  if (state.paused !== undefined) return "paused";
  return state.expedited === undefined && !isOpen(spec.windows, nowMs) ? "out-of-window" : undefined;
}

/**
 * The answer is waited for where it was asked on this stream; asked again on another one. A node that was silent too
 * long has lost its token.
 */
function standOrSend(
  question: RolloutQuestion,
  mode: "apply" | "revert",
  wave: number,
  blocked: Reason | undefined,
  reason: Reason,
): Choice {
  const { status, rollout, nowMs } = question;
  const offer = offerOf(rollout, status, mode);
  if (offer !== undefined) {
    if (isFinal(offer.phase)) return { reason: offer.phase === "soaked" ? "settled" : "refused" };
    const isLate = isOverdue(rollout.spec, offer, nowMs);
    if (isOnThisStream(status, offer)) return { reason: isLate ? "silent" : "under-way" };
    const isCounted = nowMs < offer.resentMs + rollout.spec.reportByMs;
    if (blocked === undefined) return { assignment: build(question, mode, wave, !isCounted), reason };
  }
  if (blocked !== undefined) return { reason: blocked };
  return { assignment: build(question, mode, wave), reason };
}

function stableUnlessNew(question: RolloutQuestion, reason: Reason): Choice {
  return stableUnless(question, listStrays(question.rollout.spec), reason);
}

/** Late joiners and those that were away get what is stable; who runs one of `kept` is left as it is. */
function stableUnless(question: RolloutQuestion, kept: readonly string[], reason: Reason): Choice {
  const { node, status, name, channel, nowMs } = question;
  if (status.running !== undefined && kept.includes(status.running.digest)) return { reason };
  const choice = chooseStable(node, status, name, channel, nowMs);
  return choice.reason === "settled" ? { reason } : choice;
}

function orReason(choice: Choice, reason: Reason): Choice {
  return choice.assignment === undefined ? { reason } : choice;
}

function build(
  question: RolloutQuestion,
  mode: Mode,
  wave: number,
  needsToken = mode !== "preflight",
): Assignment {
  const { node, channel, rollout } = question;
  const { spec, state } = rollout;
  const evidence = mode === "apply" ? (spec.waves[wave]?.evidence ?? "none") : "none";
  const back = stableFor(channel, node) ?? spec.from ?? spec.to;
  const { digest, serial } = mode === "revert" ? back : spec.to;
  return {
    id: idOf(spec.id, state.attempt, mode),
    rolloutId: spec.id,
    wave,
    attempt: state.attempt,
    mode,
    bundle: { digest, serial },
    spreadMs: spec.spreadMs,
    soakMs: spec.soakMs,
    reportByMs: mode === "preflight" ? spec.preflight.reportByMs : spec.reportByMs,
    needsObserved: evidence === "every",
    needsToken,
  };
}

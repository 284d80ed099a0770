import { shorten } from "../shorten.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { haltRollout } from "./halt-rollout.ts";
import type { Rollout } from "./rollout.ts";
import { type Deed, isEnded, NO_EVIDENCE, type RolloutState } from "./rollout-state.ts";

/** What an operator may want of a rollout. */
export type RolloutVerb = "pause" | "resume" | "retry" | "halt" | "revert" | "expedite";

export type CommandResult =
  | { readonly ok: true; readonly state: RolloutState }
  /** Why not, and what can be done instead. */
  | { readonly ok: false; readonly message: string };

/**
 * pause: who has been told goes on, nobody else is told, nothing advances · resume: ends a pause, or a halt: nodes that
 * refused stay as they are and still count · retry: as resume, and they are asked again · halt: nobody else is told, until
 * resume, retry, revert, or another rollout that supersedes this one · revert: nodes get back what they had · expedite.
 */
export function commandRollout(rollout: Rollout, verb: RolloutVerb, deed: Deed): CommandResult {
  const { spec, state } = rollout;
  if (isEnded(state)) return refuse(`${spec.id} is over (${state.phase}); start another rollout`);
  switch (verb) {
    case "pause":
      return pause(rollout, deed);
    case "expedite":
      return expedite(rollout, deed);
    case "resume":
    case "retry":
      return resume(rollout, verb === "retry", deed);
    case "halt":
      return halt(rollout, deed);
    case "revert":
      return revert(rollout, deed);
    default:
      return verb satisfies never;
  }
}

function pause({ spec, state }: Rollout, deed: Deed): CommandResult {
  if (state.phase === "halted") return refuse(`${spec.id} is halted, nothing moves`);
  const { paused } = state;
  return paused === undefined
    ? accept({ ...state, paused: deed })
    : refuse(
        `${spec.id} is paused already, by ${paused.by}${paused.reason === "" ? "" : `: ${paused.reason}`}`,
      );
}

function expedite({ spec, state }: Rollout, deed: Deed): CommandResult {
  if (state.phase === "halted")
    return refuse(`${spec.id} is halted, nothing moves: resume or retry it first`);
  if (state.phase === "reverting")
    return refuse(`${spec.id} is going back, which waits for no bake and no window`);
  return accept({ ...state, expedited: deed });
}

function resume({ spec, state }: Rollout, isRetry: boolean, { atMs }: Deed): CommandResult {
  const { paused, halted, bakingMs: _, ...rest } = state;
  const attempt = isRetry ? state.attempt + 1 : state.attempt;
  if (state.phase === "halted") {
    const phase = halted?.wave === undefined ? "preflight" : "waves";
    return accept({ ...rest, phase, attempt, startedMs: atMs });
  }
  if (state.phase === "reverting" && isRetry)
    return refuse(`${spec.id} is going back; start another rollout after it`);
  if (paused === undefined && !isRetry) return refuse(`${spec.id} is neither paused nor halted`);
  return accept({ ...rest, ...(halted && { halted }), attempt, startedMs: atMs });
}

function halt(rollout: Rollout, { by, reason, atMs }: Deed): CommandResult {
  const { spec, state } = rollout;
  if (state.phase === "halted") return refuse(`${spec.id} is halted already`);
  if (state.phase === "reverting") return refuse(`${spec.id} is going back; pause stops that`);
  return accept(haltRollout(rollout, "operator", `halted by ${by}: ${reason}`, NO_EVIDENCE, atMs).state);
}

function revert({ spec, state }: Rollout, { by, reason, atMs }: Deed): CommandResult {
  if (state.phase === "reverting") return refuse(`${spec.id} is going back already`);
  if (spec.from === undefined)
    return refuse(
      `${spec.id} is the first of its channel: there is nothing to go back to; start a rollout of a good state that supersedes it`,
    );
  const { bakingMs: _, paused: __, ...rest } = state;
  const halted = state.halted ?? {
    code: "operator" as const,
    message: shorten(`reverted by ${by}: ${reason}`, FLEET_LIMITS.message),
    atMs,
    ...(state.phase === "waves" && { wave: state.wave }),
    evidence: NO_EVIDENCE,
  };
  return accept({ ...rest, phase: "reverting", startedMs: atMs, halted });
}

function accept(state: RolloutState): CommandResult {
  return { ok: true, state };
}

function refuse(message: string): CommandResult {
  return { ok: false, message };
}

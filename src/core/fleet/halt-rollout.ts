import { shorten } from "../shorten.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import type { Rollout } from "./rollout.ts";
import type { Evidence, HaltCode, RolloutState } from "./rollout-state.ts";

/** The write that stops a rollout; by `onHalt`, nodes get back what they had. In preflight there is nothing to go back from. */
export function haltRollout(
  { spec, state }: Rollout,
  code: HaltCode,
  message: string,
  evidence: Evidence,
  nowMs: number,
): { readonly kind: "write"; readonly state: RolloutState } {
  const { bakingMs: _, ...rest } = state;
  const isReverted =
    spec.onHalt === "revert" && spec.from !== undefined && code !== "operator" && state.phase === "waves";
  const halted = {
    code,
    message: shorten(message, FLEET_LIMITS.message),
    atMs: nowMs,
    ...(state.phase === "waves" && { wave: state.wave }),
    evidence,
  };
  return {
    kind: "write",
    state: { ...rest, phase: isReverted ? "reverting" : "halted", startedMs: nowMs, halted },
  };
}

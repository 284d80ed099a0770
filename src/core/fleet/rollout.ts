import type { RolloutSpec } from "./rollout-spec.ts";
import type { RolloutState } from "./rollout-state.ts";

export interface Rollout {
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
}

/** What it brings, and what those have brought that it supersedes: a node that runs one of these was not on stable. */
export function listStrays({ to, supersedes }: RolloutSpec): readonly string[] {
  return [to.digest, ...supersedes.map(({ digest }) => digest)];
}

import type { RolloutState } from "../../core/fleet/rollout-state.ts";
import type { EngineError } from "../engine/engine-error.ts";

/** What the log of a controller is made of. */
export type ControllerNotice =
  | { readonly kind: "leads" }
  /** `why`: the end of the lead, in words. */
  | { readonly kind: "leads-no-more"; readonly why: string }
  /** Records are too old to decide by; `ageMs` of them. */
  | { readonly kind: "blind"; readonly ageMs: number }
  | {
      readonly kind: "decided";
      readonly rollout: string;
      readonly before: RolloutState;
      readonly state: RolloutState;
    }
  /** Nothing is decided for a channel: why. Told when it begins. */
  | { readonly kind: "in-doubt"; readonly channel: string; readonly doubt: string }
  /** The engine has not taken something; tried again. */
  | { readonly kind: "failed"; readonly what: string; readonly error: EngineError }
  /** A mistake of ours: that rollout is frozen. */
  | { readonly kind: "bug"; readonly rollout: string; readonly error: unknown };

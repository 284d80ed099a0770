import type { SourceState } from "../../core/evidence/evidence-report.ts";

/** A source of evidence at work. */
export interface RunningSource {
  state(): Omit<SourceState, "source">;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Tells a state to `tell` when it differs from the one before. */
export function createStateTeller(
  first: Omit<SourceState, "source">,
  tell: (state: Omit<SourceState, "source">) => void,
) {
  let state = first;
  tell(first);
  return {
    state: () => state,
    set(up: boolean, message: string) {
      if (state.up === up && state.message === message) return;
      state = { up, message };
      tell(state);
    },
  };
}

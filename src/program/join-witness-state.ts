import type { RunningSource } from "../agent/evidence/running-source.ts";
import type { SourceState } from "../core/evidence/evidence-report.ts";

/** What is to be told of the witness, out of how itself and the image events are. */
export interface WitnessState {
  witness(state: SourceState): void;
  imageEvents(state: ReturnType<RunningSource["state"]>): void;
}

/**
 * Nothing at the witness means that mirrors served a pull, once somebody tells that it ended: traces where there are
 * any, else image events, which are no source of their own. What ails them is said of the witness.
 */
export function joinWitnessState(tell: (state: SourceState) => void): WitnessState {
  let own: SourceState | undefined;
  let limit = "";
  const tellBoth = (): void => {
    if (own === undefined) return;
    tell({ ...own, message: [own.message, limit].filter((text) => text !== "").join("; ") });
  };
  return {
    witness(state) {
      own = state;
      tellBoth();
    },
    imageEvents({ up, message }) {
      limit = up ? message : `pulls that succeed go uncounted where traces do not show them: ${message}`;
      tellBoth();
    },
  };
}

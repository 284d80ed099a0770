import type { WaitCode } from "../../core/fleet/decision.ts";
import type { ControllerNotice } from "./controller-notice.ts";
import type { RoundReport } from "./run-round.ts";

/** What a controller can say of itself, for metrics and health. */
export interface ControllerStatus {
  readonly role: "standing-by" | "leading";
  /** Rounds in which everything was looked at. */
  readonly rounds: number;
  /** Writes that came too late, and were made anew from what is. */
  readonly conflicts: number;
  /** Rounds that could not write what they had to. */
  readonly failures: number;
  /** What each rollout waits for, by the last round; none while it stands by. */
  readonly waits: ReadonlyMap<string, WaitCode>;
  /** By channel: why nothing is decided. */
  readonly doubts: ReadonlyMap<string, string>;
  /** By rollout: a mistake of ours that keeps it where it is, and all others too: nothing is beaten. */
  readonly bugs: ReadonlyMap<string, unknown>;
}

export interface ControllerBoard {
  tell(report: RoundReport): void;
  role(role: ControllerStatus["role"]): void;
  status(): ControllerStatus;
}

export function createControllerBoard(onNotice: (notice: ControllerNotice) => void): ControllerBoard {
  let status: ControllerStatus = {
    role: "standing-by",
    rounds: 0,
    conflicts: 0,
    failures: 0,
    waits: new Map(),
    doubts: new Map(),
    bugs: new Map(),
  };
  return {
    tell({ plan, conflicts, isWhole }) {
      for (const [channel, doubt] of plan.doubts)
        if (status.doubts.get(channel) !== doubt) onNotice({ kind: "in-doubt", channel, doubt });
      for (const [rollout, error] of plan.bugs)
        if (!status.bugs.has(rollout)) onNotice({ kind: "bug", rollout, error });
      status = {
        ...status,
        rounds: status.rounds + 1,
        conflicts: status.conflicts + conflicts,
        failures: status.failures + (isWhole ? 0 : 1),
        waits: plan.waits,
        doubts: plan.doubts,
        bugs: plan.bugs,
      };
    },
    role(role) {
      status = { ...status, role, waits: new Map(), doubts: new Map(), bugs: new Map() };
    },
    status: () => status,
  };
}

import type { DraftPick, DraftWave, RolloutDraft } from "./rollout-draft.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const SPREAD = MINUTE;
const SOAK = 2 * MINUTE;

/** To fetch, verify, apply, restart and pull. */
const WORK = 5 * MINUTE;

/** Everybody is asked, then one node of each class, 1 %, 10 %, 50 %, and the rest. */
export const DEFAULT_ROLLOUT: RolloutDraft = {
  scope: {},
  classLabel: "class",
  preflight: { nodes: "all", maxFailed: 0, reportByMs: SPREAD + 2 * MINUTE },
  waves: [
    defaultWave(0, { kind: "perClass", count: 1 }, "canary"),
    ...[1, 10, 50, 100].map((percent) => defaultWave(1, { kind: "percent", percent })),
  ],
  onHalt: "hold",
  offline: "skip",
  spreadMs: SPREAD,
  soakMs: SOAK,
  reportByMs: SPREAD + SOAK + WORK,
  windows: [],
};

/** The first wave forgives nothing. */
export function defaultWave(index: number, pick: DraftPick, name = nameOf(index, pick)): DraftWave {
  const isFirst = index === 0;
  const bakeMs = isFirst ? 10 * MINUTE : 5 * MINUTE;
  return {
    name,
    pick,
    maxInFlight: 200,
    minDone: isFirst ? 1 : 0.95,
    maxFailed: isFirst ? 0 : 1,
    maxFailedPct: isFirst ? 0 : 1,
    maxSilentPct: isFirst ? 0 : 5,
    bakeMs,
    maxBakeMs: defaultMaxBake(bakeMs),
    evidence: "one",
  };
}

export function defaultMaxBake(bakeMs: number): number {
  return Math.max(60 * MINUTE, 10 * bakeMs);
}

function nameOf(index: number, pick: DraftPick): string {
  return pick.kind === "percent" ? `${pick.percent}-percent` : `wave-${index + 1}`;
}

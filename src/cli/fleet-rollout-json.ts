import type { RolloutReport } from "./fleet-report.ts";

/** A rollout for programs: what it is, where it stands, its waves and what it waits for. */
export function rolloutJson(report: RolloutReport, atMs: number): object {
  const { spec, state, summary, waits, isFrozen } = report;
  const { preflight, waves, progress } = summary;
  return {
    atMs,
    spec,
    state,
    ...(waits !== undefined && { waits }),
    isFrozen,
    ...(preflight && { preflight }),
    waves,
    ...(progress && { progress }),
  };
}

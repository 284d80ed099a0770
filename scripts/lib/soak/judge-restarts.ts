/** Restarts of containerd that others than the agent did are not among them. */
export interface Restarts {
  /** When, in ms, ascending. */
  readonly byAgentMs: readonly number[];
  /** How often others changed config.toml, and the agent had to put that right. */
  readonly reasons: number;
}

// As agent/restart-budget.ts promises.
const WINDOWS = [
  { lengthMs: 60_000, limit: 2 },
  { lengthMs: 3_600_000, limit: 6 },
] as const;

/** What is wrong with the restarts; none when they are as promised. */
export function judgeRestarts({ byAgentMs, reasons }: Restarts): readonly string[] {
  const complaints = WINDOWS.flatMap(({ lengthMs, limit }) => {
    const worst = Math.max(0, ...byAgentMs.map((from) => countWithin(byAgentMs, from, lengthMs)));
    return worst > limit ? [`${worst} restarts within ${lengthMs / 1000} s, the budget is ${limit}`] : [];
  });
  if (byAgentMs.length > reasons)
    complaints.push(`${byAgentMs.length} restarts for ${reasons} changes that need one`);
  return complaints;
}

/**
 * By design nothing is in force that needs a restart while the budget is used up, whose last one is kept for a rollback.
 * Longer than a rest waits that lasts only for the hour's.
 */
export function isSpent(byAgentMs: readonly number[], atMs: number): boolean {
  return WINDOWS.some(
    ({ lengthMs, limit }) => countWithin(byAgentMs, atMs - lengthMs, lengthMs) >= limit - 1,
  );
}

function countWithin(all: readonly number[], from: number, lengthMs: number): number {
  return all.filter((at) => at >= from && at < from + lengthMs).length;
}

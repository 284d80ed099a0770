export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? 0 };
}

/** Of each figure the median of all rounds: one round in which the machine did something else does not count. */
export function medianSpread(rounds: readonly Spread[]): Spread {
  const median = (values: readonly number[]): number => spreadOf(values).p50;
  return {
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    most: median(rounds.map(({ most }) => most)),
  };
}

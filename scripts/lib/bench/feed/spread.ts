import { median, quantile } from "../median.ts";

export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { p50: median(values), p99: quantile(values, 0.99) };
}

/** Of each figure the median of all rounds: one round in which the machine did something else does not count. */
export function medianSpread(rounds: readonly Spread[]): Spread {
  return { p50: median(rounds.map(({ p50 }) => p50)), p99: median(rounds.map(({ p99 }) => p99)) };
}

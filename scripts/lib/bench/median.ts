export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the share `q` of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)] ?? Number.NaN;
}

/**
 * Where the median of all that could have been measured lies, 95 times of 100, whatever the distribution: between two
 * of the sorted values (https://en.wikipedia.org/wiki/Median#Confidence_interval, normal approximation).
 */
export function medianInterval(values: readonly number[]): readonly [low: number, high: number] {
  const half = 0.98 / Math.sqrt(values.length);
  return [quantile(values, 0.5 - half), quantile(values, 0.5 + half)];
}

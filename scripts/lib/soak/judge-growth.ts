/** A figure at a moment of rest, when load and configuration are always the same. */
export interface RestPoint {
  readonly atMs: number;
  readonly value: number;
}

export interface Growth {
  /** Median of the slopes of pairs (Theil and Sen): a few odd points do not bend it. */
  readonly perHour: number;
  /** A tenth of the slopes is below: the growth is at least that. */
  readonly surelyPerHour: number;
  /** From the lowest of the first third to the lowest of the last. */
  readonly inAll: number;
}

/** How a figure grew; undefined for less than four points. */
export function growthOf(points: readonly RestPoint[]): Growth | undefined {
  if (points.length < 4) return undefined;
  const third = Math.ceil(points.length / 3);
  // Points that are near each other show noise.
  const slopes = points
    .flatMap((a, i) => points.slice(i + third).map((b) => (b.value - a.value) / (b.atMs - a.atMs)))
    .map((perMs) => perMs * 3_600_000)
    .sort((a, b) => a - b);
  const lowest = (some: readonly RestPoint[]) => Math.min(...some.map(({ value }) => value));
  return {
    perHour: quantile(slopes, 0.5),
    surelyPerHour: quantile(slopes, 0.1),
    inAll: lowest(points.slice(-third)) - lowest(points.slice(0, third)),
  };
}

export interface GrowthLimit {
  readonly perHour: number;
  /** Growth below that is noise, whatever the slope: a garbage collector comes when it likes. */
  readonly noise: number;
}

/** A leak grows steadily, and by more than noise. */
export function isLeak(points: readonly RestPoint[], limit: GrowthLimit): boolean {
  const growth = growthOf(points);
  return growth !== undefined && growth.surelyPerHour > limit.perHour && growth.inAll > limit.noise;
}

/** `values` in ascending order, not empty. */
export function quantile(values: readonly number[], q: number): number {
  return values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;
}

import { type Generation, generations } from "./containerd.ts";

/** `MIRRORLET_SWEEP=full` tries everything everywhere; without it the sample that a run of all tests can afford. */
export const isFullSweep: boolean = process.env["MIRRORLET_SWEEP"] === "full";

/** Deals out what is tried on several generations: each item to one of those that it is for. All of them when sweeping. */
export function shareOf<T>(
  items: readonly T[],
  generation: Generation,
  generationsOf: (item: T) => readonly Generation[] = () => generations,
): readonly T[] {
  const fitting = items.filter((item) => generationsOf(item).includes(generation));
  if (isFullSweep) return fitting;
  return fitting.filter((item) => {
    const among = generationsOf(item);
    return among[items.indexOf(item) % among.length] === generation;
  });
}

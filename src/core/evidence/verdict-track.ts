import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { Verdict, VerdictName } from "./evidence-report.ts";

/*
 * How a verdict comes about (docs/evidence.md says it for operators):
 *
 *   1. Only pulls make verdicts: those of pods, and of canaries. Probes never do.
 *   2. The newest pull turns a verdict to something worse at once. Newest by when the pull ended, not by when it was
 *      told: sources are not equally quick.
 *   3. A verdict gets better when a better pull came after the last worse one and GRACE has passed since that one,
 *      so that a mirror that fails every other pull does not look well every other minute.
 *   4. Pulls of images that no host has, pulls that nobody answered, and pulls of tools that bring their own host
 *      configuration (ctr) say nothing.
 *   5. A canary turns a verdict to failing with its second failure in a row.
 *   6. Evidence older than a day, or from before the mirrors of the registry changed, is none.
 *
 * A verdict is thus a function of the newest pull of each grade and of the time. In which order pulls are told does
 * not matter.
 */

/** What one pull says about its registry. */
export type Grade = Exclude<VerdictName, "unproven">;

const BEST_FIRST: readonly Grade[] = ["mirrored", "mixed", "bypassed", "failing"];

/** A pull, as far as a verdict needs it. */
export interface Sight {
  readonly atMs: number;
  readonly source: NonNullable<Verdict["source"]>;
  /** Image, host and reason, for a person. */
  readonly message: string;
  /** A mirror gave no answer, or one that means it is not well. */
  readonly mirrorTrouble: boolean;
}

export interface VerdictTrack {
  /** The newest pull of each grade. */
  latest: Partial<Record<Grade, Sight>>;
  /** Pulls of each grade since one that was worse. */
  readonly counts: Partial<Record<Grade, number>>;
  name: VerdictName;
  sinceMs: number;
}

export interface Standing {
  readonly name: VerdictName;
  readonly sinceMs: number;
  readonly pulls: number;
  /** Undefined while unproven. */
  readonly sight?: Sight;
}

export function createVerdictTrack(sinceMs: number): VerdictTrack {
  return { latest: {}, counts: {}, name: "unproven", sinceMs };
}

export function recordSight(track: VerdictTrack, grade: Grade, sight: Sight): void {
  const before = track.latest[grade];
  if (before === undefined || sight.atMs >= before.atMs) track.latest[grade] = sight;
  track.counts[grade] = (track.counts[grade] ?? 0) + 1;
  for (const better of BEST_FIRST.slice(0, BEST_FIRST.indexOf(grade)))
    if ((track.latest[better]?.atMs ?? 0) <= sight.atMs) track.counts[better] = 0;
}

/** The verdict at a moment. Changes nothing. */
export function standingAt(track: VerdictTrack, nowMs: number): Standing {
  const grade = standingGrade(track, nowMs);
  const name = grade ?? "unproven";
  const sinceMs = name === track.name ? track.sinceMs : Math.min(turnedMs(track, grade), nowMs);
  const sight = grade === undefined ? undefined : track.latest[grade];
  const pulls = grade === undefined ? 0 : (track.counts[grade] ?? 0);
  return { name, sinceMs, pulls, ...(sight === undefined ? {} : { sight }) };
}

/** The clock was set: what was seen keeps its age. */
export function moveSights(track: VerdictTrack, byMs: number): void {
  const moved = Object.entries(track.latest).map(([grade, sight]) => [
    grade,
    { ...sight, atMs: sight.atMs + byMs },
  ]);
  track.latest = Object.fromEntries(moved);
  track.sinceMs += byMs;
}

/** Remembers the verdict of a moment; true when it is another one than before. */
export function settleVerdict(track: VerdictTrack, nowMs: number): boolean {
  const { name, sinceMs } = standingAt(track, nowMs);
  if (name === track.name) return false;
  if (track.name !== "unproven") track.counts[track.name] = 0;
  track.name = name;
  track.sinceMs = sinceMs;
  return true;
}

/** When the verdict may change by time alone, by grace or by age; Infinity: never. */
export function nextTurnMs({ latest }: VerdictTrack, nowMs: number): number {
  const times = BEST_FIRST.flatMap((grade) => {
    const atMs = latest[grade]?.atMs;
    if (atMs === undefined) return [];
    const agedMs = atMs + EVIDENCE_LIMITS.ageMs + 1;
    return grade === "mirrored" ? [agedMs] : [agedMs, atMs + EVIDENCE_LIMITS.graceMs];
  });
  return Math.min(...times.filter((time) => time > nowMs));
}

/** The newest pull of any grade, however old. */
export function newestSight({ latest }: VerdictTrack): Sight | undefined {
  return Object.values(latest).sort((a, b) => b.atMs - a.atMs)[0];
}

function standingGrade({ latest }: VerdictTrack, nowMs: number): Grade | undefined {
  for (let index = BEST_FIRST.length - 1; index >= 0; index--) {
    const grade = BEST_FIRST[index] as Grade;
    const atMs = latest[grade]?.atMs;
    if (atMs === undefined || nowMs - atMs > EVIDENCE_LIMITS.ageMs) continue;
    const isOver = BEST_FIRST.slice(0, index).some((better) => (latest[better]?.atMs ?? 0) > atMs);
    if (!isOver || nowMs - atMs < EVIDENCE_LIMITS.graceMs) return grade;
  }
  return undefined;
}

/** When the verdict that stands now began to, as it is not the one remembered. */
function turnedMs(track: VerdictTrack, grade: Grade | undefined): number {
  if (grade === undefined) return (newestSight(track)?.atMs ?? track.sinceMs) + EVIDENCE_LIMITS.ageMs;
  const atMs = track.latest[grade]?.atMs ?? track.sinceMs;
  if (track.name === "unproven" || BEST_FIRST.indexOf(track.name) < BEST_FIRST.indexOf(grade)) return atMs;
  return Math.max(atMs, (track.latest[track.name]?.atMs ?? 0) + EVIDENCE_LIMITS.graceMs);
}

import type { Pull, PullNotice, WitnessHit } from "./pull.ts";

/**
 * Where what is known of one pull from several sides comes together: image events, journal lines and canaries tell
 * that a pull ended, the witness what no mirror served, and a trace, a little later, everything. Changed in place,
 * bounded.
 */
export interface Desk {
  /** Pulls that wait for hits, or for their trace. */
  readonly waiting: WaitingPull[];
  /** What reached the witness, or the log tells of that kind. Oldest first. */
  readonly hits: Hit[];
  /** Pulls that a trace has told in full. */
  readonly traced: TracedPull[];
  /** Pulls waited in vain for their trace since the last one came: then nobody waits for traces. */
  tracesMissed: number;
}

export interface Hit extends WitnessHit {
  readonly from: "witness" | "log";
  /** Nobody is asked after the witness, so that the pull failed. */
  readonly isLast: boolean;
  /** Its pull is known. */
  isUsed: boolean;
}

/** One pull, and all that notices tell of it. */
export interface WaitingPull {
  readonly notices: PullNotice[];
  readonly registry: string;
  readonly repository: string;
  readonly reference: string | undefined;
  /** Undefined: only the end is known. */
  startedMs: number | undefined;
  endedMs: number;
  /** Its trace may come, and is better than all that is known so far. */
  awaitsTrace: boolean;
  dueMs: number;
}

export interface TracedPull extends Pick<Pull, "registry" | "repository" | "startedMs" | "endedMs"> {
  readonly reference?: string | undefined;
}

/** Clocks of one machine, read at different moments of the same event. */
export const SLACK_MS = 1000;

export function createDesk(): Desk {
  return { waiting: [], hits: [], traced: [], tracesMissed: 0 };
}

export function isOf(
  one: { readonly registry: string; readonly repository: string },
  other: { readonly registry: string; readonly repository: string },
): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

export function isWithin(atMs: number, startedMs: number, endedMs: number, slackMs = SLACK_MS): boolean {
  return atMs >= startedMs - slackMs && atMs <= endedMs + slackMs;
}

export function keepNewest<T>(list: T[], most: number, item: T): void {
  list.push(item);
  // In one go now and then: taking the first of thousands off each time is slow.
  if (list.length >= most + most / 4) list.splice(0, list.length - most);
}

export function removeWhere<T>(list: T[], test: (item: T) => boolean): T[] {
  const removed: T[] = [];
  let kept = 0;
  for (const item of list) {
    if (test(item)) removed.push(item);
    else list[kept++] = item;
  }
  list.length = kept;
  return removed;
}

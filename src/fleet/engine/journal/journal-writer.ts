import { setImmediate } from "node:timers/promises";
import type { EngineError } from "../engine-error.ts";
import { compactedLines } from "./compact-journal.ts";
import { toJournalError } from "./io-error.ts";
import type { JournalFile } from "./journal-file.ts";
import type { JournalStep, StoredChange } from "./journal-line.ts";
import { applyStep, type JournalState, stepsToEnd } from "./journal-state.ts";
import type { LeaseFiles } from "./lease-files.ts";
import { withJournalLock } from "./lock-journal.ts";

/** Something to be done by whoever has the lock. */
export interface Job {
  /** What is to be written; called once, with the state of that moment. May throw EngineError. */
  readonly decide: (state: JournalState) => readonly JournalStep[];
  /** It is durable. */
  readonly done: () => void;
  readonly failed: (error: EngineError) => void;
  /** Nobody waits for it any more: not to be begun. */
  readonly isGivenUp: () => boolean;
}

export interface WriterOptions {
  readonly directory: string;
  readonly file: JournalFile;
  readonly leases: LeaseFiles;
  readonly uptimeMs: () => number;
  /** One use of `file` at a time. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Beyond this, and twice what a new one would have, the file is rewritten, with a quarter of it for late watches. */
  readonly compactBytes: number;
}

/**
 * Writes one line for all jobs that are there: one lock, one fsync. Goes on for a moment when there are new ones, so that a
 * process does not take the lock anew for each of its writes.
 */
export async function writeJobs(options: WriterOptions, queue: Job[]): Promise<void> {
  const { directory, uptimeMs, inTurn } = options;
  const work = async (): Promise<void> => {
    await options.file.prepareToWrite();
    await endLeases(options);
    const until = uptimeMs() + HOLD_MS;
    do {
      await writeOnce(options, queue.splice(0, MOST_JOBS));
      await setImmediate();
    } while (queue.length > 0 && uptimeMs() < until);
    await compactWhenLarge(options);
  };
  try {
    // The lock first: reads have their turns while another process has it.
    await withJournalLock(directory, LOCK_MS, () => inTurn(work));
  } catch (error) {
    const failure = toJournalError(error, directory);
    for (const job of queue.splice(0)) job.failed(failure);
    throw failure;
  }
}

const LOCK_MS = 10_000;
const HOLD_MS = 50;
const MOST_JOBS = 64;

async function writeOnce({ file, directory }: WriterOptions, jobs: readonly Job[]): Promise<void> {
  const steps: JournalStep[] = [];
  const decided: Job[] = [];
  for (const job of jobs) {
    if (job.isGivenUp()) continue;
    try {
      for (const step of job.decide(file.state())) {
        applyStep(file.state(), step);
        steps.push(step);
      }
      decided.push(job);
    } catch (error) {
      job.failed(toJournalError(error, directory));
    }
  }
  try {
    if (steps.length > 0) await file.append({ kind: "commit", steps });
  } catch (error) {
    for (const job of decided) job.failed(toJournalError(error, directory));
    throw error;
  }
  for (const job of decided) job.done();
}

/** Before anything is decided: what compares must not see what is under a lease that is over. */
async function endLeases({ file, leases, uptimeMs }: WriterOptions): Promise<void> {
  const over: string[] = [];
  for (const lease of file.state().leases.keys())
    if (await leases.isOver(lease, uptimeMs())) over.push(lease);
  for (const lease of over) {
    const steps = stepsToEnd(file.state(), lease);
    for (const step of steps) applyStep(file.state(), step);
    await file.append({ kind: "commit", steps });
    await leases.remove(lease);
  }
}

async function compactWhenLarge({ file, compactBytes }: WriterOptions): Promise<void> {
  if (file.size() < compactBytes) return;
  const state = file.state();
  const liveBytes = sizeOf([...state.entries.values()].map((put) => ({ put })));
  // So that what is rewritten has at least been written since.
  if (file.size() < 2 * liveBytes) return;
  await file.rewrite(compactedLines(state, revisionBefore(state, compactBytes / 4)));
}

/** Newer changes than this have so many bytes at most: they stay for watches that come late. */
function revisionBefore({ history, compacted }: JournalState, bytes: number): number {
  let left = bytes;
  for (const { revision, changes } of history.toReversed()) {
    left -= sizeOf(changes);
    if (left < 0) return revision;
  }
  return compacted;
}

/** In the file, roughly. */
function sizeOf(changes: readonly StoredChange[]): number {
  return changes.reduce(
    (sum, change) =>
      sum + LINE_BYTES + ("put" in change ? change.put.key.length + change.put.value.length * 1.4 : 0),
    0,
  );
}

const LINE_BYTES = 100;

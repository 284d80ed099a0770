import { stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../../shared/make-directories.ts";
import { joinSignals } from "../../join-signals.ts";
import type { CallOptions, Engine, Listing, TxnResult } from "../engine.ts";
import { abortedError, EngineError } from "../engine-error.ts";
import { checkKey, checkTtl, checkTxn, ENGINE_LIMITS } from "../engine-limits.ts";
import { compactedLines } from "./compact-journal.ts";
import { evaluateTxn, readsOnly } from "./evaluate-txn.ts";
import { toJournalError } from "./io-error.ts";
import { createJobQueue } from "./job-queue.ts";
import { openJournalFile } from "./journal-file.ts";
import { entriesBelow, type JournalState, stepsToEnd } from "./journal-state.ts";
import { createJournalWatches } from "./journal-watches.ts";
import { type WriterOptions, writeJobs } from "./journal-writer.ts";
import { createLeaseFiles } from "./lease-files.ts";
import { withJournalLock } from "./lock-journal.ts";
import { lookOften } from "./look-often.ts";
import { createOwnLeases } from "./own-leases.ts";
import { createTurns } from "./take-turns.ts";

export interface JournalOptions {
  /** On a disk of this machine. Nobody else may write there. */
  readonly directory: string;
  /** Begins one where there is none. Default: true. */
  readonly mayCreate?: boolean;
  /** Milliseconds since the machine started, the same for all processes. */
  readonly uptimeMs: () => number;
  readonly random: () => number;
  /** When the file is rewritten, for tests. */
  readonly compactBytes?: number;
}

export interface JournalEngine extends Engine {
  /** Drops the changes up to a revision. */
  compact(revision: number): Promise<void>;
}

/** An engine for the processes of one machine: a file that is only added to. Rejects with EngineError. */
export async function createJournalEngine(options: JournalOptions): Promise<JournalEngine> {
  const { directory, uptimeMs, random, compactBytes = 16 * 1024 * 1024 } = options;
  if (options.mayCreate === false) await expectJournal(directory);
  await prepareDirectory(directory);
  const file = openJournalFile(directory);
  const leases = createLeaseFiles(directory);
  const own = createOwnLeases(leases, uptimeMs);
  const watches = createJournalWatches();
  const closing = new AbortController();
  let freshMs = Number.NEGATIVE_INFINITY;

  /** Reads and writes one after the other; after each, who waits is told. */
  const inTurn = createTurns(async <T>(work: () => Promise<T>): Promise<T> => {
    const asked = uptimeMs();
    try {
      const answer = await work();
      freshMs = asked;
      return answer;
    } catch (error) {
      const failure = toJournalError(error, directory);
      if (failure.code === "damaged") watches.fail(failure);
      throw failure;
    } finally {
      own.check(file.state());
      if (!closing.signal.aborted) watches.tell(file.state());
    }
  });
  const read = <T>(look: (state: JournalState) => T): Promise<T> =>
    inTurn(async () => {
      await file.catchUp();
      return look(file.state());
    });
  const writer: WriterOptions = { directory, file, leases, uptimeMs, inTurn, compactBytes };
  const jobs = createJobQueue((queue) => writeJobs(writer, queue), closing.signal);

  const lookAround = async (): Promise<void> => {
    const over = await read((state) => [...state.leases.keys()]).then((all) => findOver(all));
    if (over) await jobs.run(() => [], {});
  };
  const findOver = async (all: readonly string[]): Promise<boolean> => {
    for (const lease of all) if (await leases.isOver(lease, uptimeMs())) return true;
    return false;
  };
  const stopLooking = lookOften(directory, lookAround);
  return {
    async list(prefix, call = {}) {
      checkKey(prefix);
      return inTime(call, closing.signal, () =>
        read((state): Listing => ({ revision: state.revision, entries: entriesBelow(state, prefix) })),
      );
    },
    async watch(prefix, watch) {
      checkKey(prefix);
      if (closing.signal.aborted) return "aborted";
      const ended = watches.add(prefix, watch);
      read(() => undefined).catch(() => undefined);
      return ended;
    },
    async txn(txn, call = {}) {
      checkTxn(txn);
      if (readsOnly(txn))
        return inTime(call, closing.signal, () => read((state) => evaluateTxn(state, txn).result));
      const results: TxnResult[] = [];
      await jobs.run((state) => {
        const { result, step } = evaluateTxn(state, txn);
        results.push(result);
        return step === undefined ? [] : [step];
      }, call);
      return results[0] as TxnResult;
    },
    async lease(ttlMs, call = {}) {
      checkTtl(ttlMs);
      const id = Math.floor(random() * 2 ** 52).toString(36);
      const lost = await own.hold(id, ttlMs).catch((error: unknown) => {
        throw toJournalError(error, directory);
      });
      try {
        await jobs.run(() => [{ kind: "grant", lease: id, ttlMs }], call);
      } catch (error) {
        own.drop(id);
        throw error;
      }
      const end = async (): Promise<void> => {
        own.drop(id);
        await jobs.run((state) => stepsToEnd(state, id), {}).catch(() => undefined);
        await leases.remove(id).catch(() => undefined);
      };
      return { id, lost, end };
    },
    ageMs: () => uptimeMs() - freshMs,
    compact: (revision) =>
      withJournalLock(directory, COMPACT_LOCK_MS, () =>
        inTurn(async () => {
          await file.prepareToWrite();
          await file.rewrite(compactedLines(file.state(), revision));
        }),
      ),
    async close() {
      closing.abort();
      stopLooking();
      own.drop();
      watches.close();
      await inTurn(() => file.close()).catch(() => undefined);
    },
  };
}

/** An empty fleet that a slip of the pen has made would look like one that is gone. */
async function expectJournal(directory: string): Promise<void> {
  try {
    await stat(join(directory, "journal"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw toJournalError(error, directory);
    const message = `there is no journal in ${directory}: no fleet was ever written there`;
    throw new EngineError("refused", message);
  }
}

async function prepareDirectory(directory: string): Promise<void> {
  try {
    makeDirectories(directory, 0o700);
    const { mode, uid } = await stat(directory);
    const isOurs = uid === 0 || uid === process.getuid?.();
    if (isOurs && (mode & 0o022) === 0) return;
  } catch (error) {
    throw toJournalError(error, directory);
  }
  const message = `others may write in ${directory}, and so decide what nodes are offered: it has to be ours, with mode 0700`;
  throw new EngineError("denied", message);
}

const COMPACT_LOCK_MS = 10_000;

async function inTime<T>(
  { signal, timeoutMs = ENGINE_LIMITS.callTimeoutMs }: CallOptions,
  closed: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const joined = joinSignals(signal === undefined ? [closed] : [signal, closed]);
  let late: NodeJS.Timeout | undefined;
  try {
    if (joined.signal.aborted) throw abortedError();
    return await new Promise<T>((resolve, reject) => {
      const message = `the journal was not read within ${timeoutMs} ms`;
      late = setTimeout(() => reject(new EngineError("timeout", message)), timeoutMs);
      joined.signal.addEventListener("abort", () => reject(abortedError()), { once: true });
      work().then(resolve, reject);
    });
  } finally {
    clearTimeout(late);
    joined.release();
  }
}

import { joinSignals } from "../join-signals.ts";
import { pause } from "../pause.ts";
import type { Change, Engine, EngineNotice, Entry } from "./engine.ts";
import { abortedError, EngineError } from "./engine-error.ts";
import { createReplica, type Replica } from "./replica.ts";

/** All keys below a prefix, kept as they are in the engine. */
export interface FollowedPrefix {
  /** Resolves once it has been listed for the first time; rejects with EngineError when it is closed before. */
  readonly ready: Promise<void>;
  readonly entries: ReadonlyMap<string, Entry>;
  /** All changes up to it are in `entries`. */
  revision(): number;
  /**
   * How old what is seen here may be at most: since when an engine that has been asked is known to have had nothing newer.
   * Grows while the engine cannot be reached, and while its watch says nothing. Infinity before the first listing.
   */
  ageMs(): number;
  readonly counts: () => FollowCounts;
  /** Resolves when nothing more will be told. */
  close(): Promise<void>;
}

export interface FollowCounts {
  /** Listings that were needed to go on: the first, after a compaction, after the store was replaced. */
  readonly listings: number;
  /** Changes that a watch should have told and a listing did: the engine has lost them. */
  readonly repairs: number;
}

export interface FollowOptions {
  readonly nowMs: () => number;
  readonly random: () => number;
  /** In order, with what a listing has brought told as changes too. Must not throw. */
  readonly onChanges?: (changes: readonly Change[]) => void;
  readonly onNotice?: (notice: EngineNotice) => void;
  /** How often all is listed and compared. Default: 5 min. */
  readonly relistMs?: number;
  /** How often the engine is asked for its revision. Default: 3 s. */
  readonly proveMs?: number;
}

/**
 * Lists, then watches from there; again from the start when the engine has dropped the changes in between. A mistake of
 * an engine, or of this client of it, is a delay and no divergence: now and then all is listed and compared.
 */
export function followPrefix(engine: Engine, prefix: string, options: FollowOptions): FollowedPrefix {
  const closing = new AbortController();
  const replica = createReplica();
  const counts = { listings: 0, repairs: 0 };
  const tell = (changes: readonly Change[]): void => {
    if (changes.length > 0) options.onChanges?.(changes);
  };
  const follower: Follower = { engine, prefix, options, replica, counts, tell };
  let firstDone: () => void = () => undefined;
  let firstFailed: (error: unknown) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    [firstDone, firstFailed] = [resolve, reject];
  });
  ready.catch(() => undefined);
  // Rejects only with what is wrong in the program, and then nobody should be able to overlook it.
  const ended = followOn(follower, closing.signal, firstDone);
  return {
    ready,
    entries: replica.entries,
    revision: replica.revision,
    ageMs: () => options.nowMs() - replica.provenMs(),
    counts: () => ({ ...counts }),
    async close() {
      closing.abort();
      firstFailed(abortedError());
      await ended;
    },
  };
}

interface Follower {
  readonly engine: Engine;
  readonly prefix: string;
  readonly options: FollowOptions;
  readonly replica: Replica;
  readonly counts: { listings: number; repairs: number };
  readonly tell: (changes: readonly Change[]) => void;
}

const RELIST_MS = 300_000;
const PROVE_MS = 3_000;
const RETRY_MS = 5_000;
const CALL_MS = 10_000;
/** A watch that is so far behind what the engine has said of itself is begun anew. */
const BEHIND_MS = 20_000;

async function followOn(follower: Follower, signal: AbortSignal, onListed: () => void): Promise<void> {
  const { options } = follower;
  while (!signal.aborted) {
    try {
      await listAnew(follower, signal);
      onListed();
      await watchOnce(follower, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof EngineError)) throw error;
      // Also what seems pointless to try again: credentials are put right, a journal is put back.
      options.onNotice?.({ kind: "reconnect", endpoint: follower.prefix, error });
      await pause(RETRY_MS * (0.2 + 0.8 * options.random()), signal);
    }
  }
}

async function listAnew(
  { engine, prefix, options, replica, counts, tell }: Follower,
  signal: AbortSignal,
): Promise<void> {
  const askedMs = options.nowMs();
  const listing = await engine.list(prefix, { timeoutMs: CALL_MS, signal });
  counts.listings++;
  tell(replica.adopt(listing, askedMs));
}

/** Until the watch has to begin anew; resolves then. */
async function watchOnce(follower: Follower, signal: AbortSignal): Promise<void> {
  const { engine, prefix, options, replica, tell } = follower;
  const stopping = new AbortController();
  const joined = joinSignals([signal, stopping.signal]);
  const watch = engine.watch(prefix, {
    after: replica.revision(),
    signal: joined.signal,
    onChanges(changes, revision) {
      replica.apply(changes, revision);
      tell(changes);
    },
    onProgress: (revision) => replica.apply([], revision),
  });
  const checking = check(follower, joined.signal);
  try {
    await Promise.race([watch, checking]);
  } finally {
    stopping.abort();
    joined.release();
    await Promise.allSettled([watch, checking]);
  }
  if (!signal.aborted) options.onNotice?.({ kind: "listed-anew", prefix });
}

/** Asks the engine for its revision, lists and compares now and then; resolves when the watch is not to be trusted. */
async function check(follower: Follower, signal: AbortSignal): Promise<void> {
  const { options, replica } = follower;
  const { nowMs, proveMs = PROVE_MS, relistMs = RELIST_MS } = options;
  let relistAtMs = nowMs() + relistMs;
  while (!signal.aborted) {
    await pause(proveMs, signal);
    if (signal.aborted) return;
    try {
      if ((await prove(follower, signal)) === "replaced") return;
      if (replica.behindMs(nowMs()) > BEHIND_MS) return;
      if (nowMs() < relistAtMs) continue;
      await compare(follower, signal);
      relistAtMs = nowMs() + relistMs;
    } catch (error) {
      // The age tells.
      if (!(error instanceof EngineError)) throw error;
    }
  }
}

/** `replaced`: the store is behind what it has told before, as one that was put back from a backup is. */
async function prove(
  { engine, prefix, options, replica }: Follower,
  signal: AbortSignal,
): Promise<"replaced" | undefined> {
  const askedMs = options.nowMs();
  const before = replica.revision();
  const get = { kind: "get", key: prefix } as const;
  const { revision } = await engine.txn({ success: [get] }, { timeoutMs: CALL_MS, signal });
  if (revision < before) return "replaced";
  replica.expect(revision, askedMs);
  return undefined;
}

async function compare(
  { engine, prefix, options, replica, counts, tell }: Follower,
  signal: AbortSignal,
): Promise<void> {
  const askedMs = options.nowMs();
  const forget = replica.rememberDeletions();
  try {
    const listing = await engine.list(prefix, { timeoutMs: CALL_MS, signal });
    replica.expect(listing.revision, askedMs);
    // What the watch has yet to tell is no difference.
    while (!signal.aborted && replica.revision() < listing.revision) {
      if (replica.behindMs(options.nowMs()) > BEHIND_MS) return;
      await pause(CATCH_UP_MS, signal);
    }
    if (signal.aborted) return;
    const repairs = replica.repair(listing);
    if (repairs.length === 0) return;
    counts.repairs += repairs.length;
    options.onNotice?.({ kind: "repaired", prefix, changes: repairs.length });
    tell(repairs);
  } finally {
    forget();
  }
}

const CATCH_UP_MS = 50;

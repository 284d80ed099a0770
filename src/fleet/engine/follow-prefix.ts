import { joinSignals } from "../join-signals.ts";
import { pause } from "../pause.ts";
import { checkReplica } from "./check-replica.ts";
import type { Change, Engine, Entry } from "./engine.ts";
import { abortedError, EngineError } from "./engine-error.ts";
import type { FollowCounts, Follower, FollowOptions } from "./follower.ts";
import { createReplica } from "./replica.ts";

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

const RETRY_MS = 5_000;

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
  const listing = await engine.list(prefix, { signal });
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
  const checking = checkReplica(follower, joined.signal);
  try {
    await Promise.race([watch, checking]);
  } finally {
    stopping.abort();
    joined.release();
    await Promise.allSettled([watch, checking]);
  }
  if (!signal.aborted) options.onNotice?.({ kind: "listed-anew", prefix });
}

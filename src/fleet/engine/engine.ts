import type { EngineError } from "./engine-error.ts";

/**
 * A small store of keys with a history, which all of a fleet's servers share. Who uses it relies on this, and
 * `test/fleet/engine/conformance.ts` holds every engine to it:
 *
 * 1. one order: every change has a revision, each greater than the one before; all changes of a transaction have the same;
 * 2. fresh: what `list` and `txn` tell was so after they were called, never before;
 * 3. each change once, in order, whole revisions: what `watch` tells, over any number of broken connections;
 * 4. all or nothing: a transaction is seen whole or not at all, and what has been answered is not lost;
 * 5. nothing waits for ever: calls have deadlines, and what was put under a lease goes when its holder is silent.
 *
 * Keys are printable ASCII, values bytes; `engine-limits.ts` bounds both.
 */
export interface Engine {
  /** All keys that begin with `prefix`, at one revision, sorted. Rejects with EngineError. */
  list(prefix: string, options?: CallOptions): Promise<Listing>;
  /**
   * Tells every change of keys that begin with `prefix` after a revision, until it is aborted. Rides out broken
   * connections and frozen servers. Rejects with EngineError only where trying again is pointless.
   */
  watch(prefix: string, options: WatchOptions): Promise<WatchEnd>;
  /** Rejects with EngineError, whose `applied` says whether the changes may have been made all the same. */
  txn(txn: Txn, options?: CallOptions): Promise<TxnResult>;
  /** A lease of at least `ttlMs` that is kept alive until it is ended. Rejects with EngineError. */
  lease(ttlMs: number, options?: CallOptions): Promise<Lease>;
  /** How long ago the newest question was asked that the engine has answered; it may ask by itself. Infinity: none. */
  ageMs(): number;
  /** Ends watches, lets leases lapse and closes connections. */
  close(): Promise<void>;
}

export interface CallOptions {
  /** Default: `engine-limits.ts`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the change that made the key; another one after it was deleted and made again. */
  readonly createRevision: number;
  /** Of the newest change. */
  readonly modRevision: number;
}

export interface Listing {
  /** All changes up to this one are in it, and none after it. */
  readonly revision: number;
  readonly entries: readonly Entry[];
}

export type Change =
  | { readonly kind: "put"; readonly entry: Entry }
  | { readonly kind: "delete"; readonly key: string; readonly modRevision: number };

export interface WatchOptions {
  /** Changes after this revision are told. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** All changes below the prefix up to `revision` that were not told before. Must not throw. */
  onChanges(changes: readonly Change[], revision: number): void;
  /** There are no changes up to `revision` that were not told. Comes every few seconds while all is well. */
  onProgress?(revision: number): void;
}

/** `compacted`: the engine no longer has the changes after the revision; list, and watch from there. */
export type WatchEnd = "compacted" | "aborted";

export interface Txn {
  /** All have to hold, else `failure` is done. */
  readonly compare?: readonly Compare[];
  /** No key is changed by two of them. */
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

/** Equality. A key that is absent has revision 0, and no value equals it. */
export type Compare =
  | { readonly key: string; readonly createRevision: number }
  | { readonly key: string; readonly modRevision: number }
  | { readonly key: string; readonly value: Uint8Array };

export type Operation =
  /** Under `lease` (an id) the key goes with the lease; without, a former lease no longer holds it. */
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly lease?: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "get"; readonly key: string };

export interface TxnResult {
  /** Whether `success` was done. */
  readonly succeeded: boolean;
  /** That of the changes; the newest one there is where nothing was changed. */
  readonly revision: number;
  /** What the gets found, in their order. */
  readonly gets: readonly (Entry | undefined)[];
}

export interface Lease {
  readonly id: string;
  /**
   * Aborted, with an EngineError as reason, once the lease is gone or may be: the keys under it are deleted, now or soon. A
   * process that was stopped learns it late: what must not be done twice goes into a `txn` that compares.
   */
  readonly lost: AbortSignal;
  /** Deletes the keys under it and stops keeping it alive. Does not reject: unanswered, it lapses. */
  end(): Promise<void>;
}

/** What an operator may want to know of an engine, for logs and counts; nothing depends on it. */
export type EngineNotice =
  | { readonly kind: "reconnect"; readonly endpoint: string; readonly error: EngineError }
  | {
      readonly kind: "old-version";
      readonly endpoint: string;
      readonly version: string;
      readonly message: string;
    }
  /** A followed prefix had to be listed again to go on. */
  | { readonly kind: "listed-anew"; readonly prefix: string }
  /** The engine had lost changes of a followed prefix, which a listing has made good for. */
  | { readonly kind: "repaired"; readonly prefix: string; readonly changes: number };

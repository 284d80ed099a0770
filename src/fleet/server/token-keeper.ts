import { isInFlight } from "../../core/fleet/in-flight.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import {
  NO_TOKENS,
  returnTokens,
  sizeOf,
  type TokenBlocks,
  takeTokens,
} from "../../core/fleet/share-tokens.ts";
import { EngineError } from "../engine/engine-error.ts";
import { unchanged } from "../store/commit.ts";
import { decodeRecord } from "../store/decode-record.ts";
import type { FleetRecords, Stored } from "../store/fleet-records.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import { keyOf } from "../store/record-name.ts";
import { type ServerSeat, servedBy } from "../store/serve-fleet.ts";
import { writeTokens } from "../store/write-tokens.ts";
import type { StatusBoard } from "./status-board.ts";

export interface TokenKeeper {
  /** Takes one for an offer to `node` that is about to be written; false: there is none now, `onTokens` tells when to ask again. */
  reserve(rollout: string, node: string): boolean;
  /** The offer is durable, or will not be. */
  release(rollout: string): void;
  /** The node is not waiting any more. */
  forget(node: string): void;
  /** Gives back what is not needed, asks for what is. Call it often. */
  work(nowMs: number): void;
  /** The records have changed: others may have given some back. */
  onChange(): void;
  /** Of all rollouts. */
  held(): number;
  waiting(): number;
}

export interface TokenOptions {
  readonly store: FleetStore;
  readonly records: FleetRecords;
  readonly board: StatusBoard;
  readonly seat: () => ServerSeat | undefined;
  readonly nowMs: () => number;
  /** These nodes may be asked about again. */
  readonly onTokens: (nodes: Iterable<string>) => void;
  readonly onError: (error: EngineError) => void;
}

/** More than these are not asked for at once: other servers have nodes too. */
const MOST_WANTED = 64;
const RETRY_MS = 200;
const COUNT_MS = 1_000;

interface Pool {
  /** As this server has written them, which may be newer than the records. */
  own: Stored<TokenBlocks> | undefined;
  reserved: number;
  readonly waiting: Set<string>;
  isBusy: boolean;
  /** The block is being made as small as this, or may have been. */
  shrinksTo: number | undefined;
  /** What was written may be there or not. */
  isUncertain: boolean;
  retryMs: number;
  count: { readonly version: number; readonly atMs: number; readonly used: number } | undefined;
}

/**
 * The tokens of this server. At any moment what is in flight by it, and what is about to be, is no more than its block in
 * the engine is large: the block grows before the first offer, and shrinks after the last answer.
 */
export function createTokenKeeper(options: TokenOptions): TokenKeeper {
  const { store, records, board, seat, nowMs, onTokens, onError } = options;
  const pools = new Map<string, Pool>();
  const poolOf = (rollout: string): Pool => {
    const pool = pools.get(rollout) ?? {
      own: undefined,
      reserved: 0,
      waiting: new Set<string>(),
      isBusy: false,
      shrinksTo: undefined,
      isUncertain: false,
      retryMs: 0,
      count: undefined,
    };
    pools.set(rollout, pool);
    return pool;
  };
  const newest = (rollout: string, { own }: Pool): Stored<TokenBlocks> | undefined => {
    const theirs = records.tokens.get(rollout);
    return own !== undefined && own.modRevision > (theirs?.modRevision ?? 0) ? own : theirs;
  };
  const usedOf = (pool: Pool, spec: RolloutSpec, server: string, atMs: number): number => {
    const { count } = pool;
    const version = board.version();
    // By time alone it only falls.
    if (count?.version === version && Math.abs(atMs - count.atMs) < COUNT_MS)
      return count.used + pool.reserved;
    let used = 0;
    for (const offer of board.offersOf(server)) if (isInFlight(spec, offer, atMs)) used++;
    pool.count = { version, atMs, used };
    return used + pool.reserved;
  };
  const sizeFor = (rollout: string, pool: Pool, server: string): number => {
    const size = sizeOf((newest(rollout, pool)?.value ?? NO_TOKENS).blocks, server);
    return Math.min(size, pool.shrinksTo ?? size);
  };
  const change = async (
    rollout: string,
    pool: Pool,
    to: (blocks: TokenBlocks) => TokenBlocks | undefined,
  ): Promise<void> => {
    const own = seat();
    const before = newest(rollout, pool);
    const value = to(before?.value ?? NO_TOKENS);
    if (own === undefined || value === undefined) return;
    pool.isBusy = true;
    try {
      const state = unchanged("state", rollout, records.state.get(rollout));
      const result = await writeTokens(store, rollout, before, value, [servedBy(own), state]);
      const { revision = 0 } = result as { readonly revision?: number };
      if (result.ok)
        pool.own = { value, createRevision: before?.createRevision ?? revision, modRevision: revision };
      // Somebody else was first; what they wrote is on its way here.
      else pool.retryMs = nowMs() + RETRY_MS;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      pool.isUncertain = error.applied === "unknown";
      pool.retryMs = nowMs() + RETRY_MS * 5;
      onError(error);
    } finally {
      pool.isBusy = false;
    }
    if (!pool.isUncertain) pool.shrinksTo = undefined;
    tell(pool);
  };
  const readAgain = async (rollout: string, pool: Pool): Promise<void> => {
    pool.isBusy = true;
    try {
      pool.own = await readTokensOf(store, rollout);
      pool.isUncertain = false;
      pool.shrinksTo = undefined;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      pool.retryMs = nowMs() + RETRY_MS * 5;
      onError(error);
    } finally {
      pool.isBusy = false;
    }
    tell(pool);
  };
  const tell = (pool: Pool): void => {
    if (pool.waiting.size > 0) onTokens(pool.waiting);
  };
  const workOn = (rollout: string, pool: Pool, atMs: number): void => {
    const own = seat();
    const spec = records.spec.get(rollout)?.value;
    const state = records.state.get(rollout)?.value;
    if (own === undefined || spec === undefined || state === undefined || isEnded(state)) {
      // Nobody is told anything of it any more, and with that nobody counts its tokens.
      if (pool.reserved === 0 && !pool.isBusy) pools.delete(rollout);
      return;
    }
    // A clock that was put back does not make it wait for longer.
    const waitMs = pool.retryMs - atMs;
    if (pool.isBusy || (waitMs > 0 && waitMs <= RETRY_MS * 5)) return;
    if (pool.isUncertain) {
      void readAgain(rollout, pool);
      return;
    }
    const used = usedOf(pool, spec, own.id, atMs);
    const size = sizeFor(rollout, pool, own.id);
    if (size > used && pool.waiting.size > 0) tell(pool);
    else if (size > used) {
      pool.shrinksTo = used;
      void change(rollout, pool, (blocks) => returnTokens(blocks, own.id, used));
    } else if (pool.waiting.size > 0) {
      const cap = spec.waves[state.wave]?.maxInFlight ?? 1;
      const want = Math.min(pool.waiting.size, MOST_WANTED);
      void change(rollout, pool, (blocks) => takeTokens(blocks, own.id, want, cap));
    }
  };
  const work = (atMs: number): void => {
    for (const [rollout, pool] of pools) workOn(rollout, pool, atMs);
  };
  return {
    reserve(rollout, node) {
      const own = seat();
      const spec = records.spec.get(rollout)?.value;
      if (own === undefined || spec === undefined) return false;
      const pool = poolOf(rollout);
      if (usedOf(pool, spec, own.id, nowMs()) < sizeFor(rollout, pool, own.id)) {
        pool.waiting.delete(node);
        pool.reserved++;
        return true;
      }
      pool.waiting.add(node);
      workOn(rollout, pool, nowMs());
      return false;
    },
    release(rollout) {
      const pool = pools.get(rollout);
      if (pool !== undefined) pool.reserved = Math.max(0, pool.reserved - 1);
    },
    forget(node) {
      for (const { waiting } of pools.values()) waiting.delete(node);
    },
    work,
    onChange: () => work(nowMs()),
    held() {
      const own = seat();
      if (own === undefined) return 0;
      return [...pools].reduce((sum, [rollout, pool]) => sum + sizeFor(rollout, pool, own.id), 0);
    },
    waiting: () => [...pools.values()].reduce((sum, { waiting }) => sum + waiting.size, 0),
  };
}

async function readTokensOf(
  { engine, fleet }: FleetStore,
  rollout: string,
): Promise<Stored<TokenBlocks> | undefined> {
  const name = { kind: "tokens", id: rollout } as const;
  const { gets } = await engine.txn({ success: [{ kind: "get", key: keyOf(fleet, name) }] });
  const [entry] = gets;
  const decoded = entry && decodeRecord(name, entry.value);
  if (entry === undefined || decoded?.ok !== true) return undefined;
  const { createRevision, modRevision } = entry;
  return { value: decoded.value, createRevision, modRevision };
}

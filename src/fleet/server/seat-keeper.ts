import type { Lease } from "../engine/engine.ts";
import { EngineError } from "../engine/engine-error.ts";
import { pause } from "../pause.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import type { ServerRecord } from "../store/process-records.ts";
import { renewSeat, type ServerSeat, takeSeat } from "../store/serve-fleet.ts";

export interface SeatKeeper {
  /** Undefined: this server is not known to the fleet now, and writes nothing. */
  seat(): ServerSeat | undefined;
  /**
   * By how much the server's clock is off, while it tells its nodes of no rollout for that: the fleet is told when that
   * begins and when it ends. Call it often: what could not be written is written a while later.
   */
  noteClock(offMs: number | undefined): void;
  /** Gives it up at once. Does not reject. */
  close(): Promise<void>;
}

export interface SeatOptions {
  readonly store: FleetStore;
  readonly record: ServerRecord;
  /** A name that nobody has had before: streams are counted by it. */
  readonly newId: () => string;
  readonly random: () => number;
  readonly leaseMs: number;
  readonly onSeat: (seat: ServerSeat | undefined) => void;
  readonly onError: (error: EngineError) => void;
}

const RETRY_MS = 3_000;
/** An engine that is away is told of by all else that needs it. */
const NOTE_AGAIN_MS = 15_000;

/**
 * Keeps a seat for the server. One whose lease is lost is never used again: others may have reckoned with the server's
 * end; the next one has another id, and all nodes are entered anew.
 */
export function keepSeat(options: SeatOptions): SeatKeeper {
  const { store, record, newId, random, leaseMs, onSeat, onError } = options;
  const closing = new AbortController();
  let current: ServerSeat | undefined;
  let held: Lease | undefined;
  let noted: number | undefined;
  let isNoting = false;
  let noteAgainMs = 0;
  const set = (seat: ServerSeat | undefined): void => {
    if (seat === current) return;
    current = seat;
    onSeat(seat);
  };
  const holdOnce = async (): Promise<void> => {
    const lease = await store.engine.lease(leaseMs, { signal: closing.signal });
    held = lease;
    try {
      const seat = await takeSeat(store, newId(), record, lease.id);
      if (seat === undefined || closing.signal.aborted) return;
      noted = undefined;
      set(seat);
      await untilAborted(lease.lost, closing.signal);
    } finally {
      set(undefined);
      held = undefined;
      await lease.end();
    }
  };
  const ended = (async () => {
    while (!closing.signal.aborted) {
      const sinceMs = performance.now();
      try {
        await holdOnce();
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (!closing.signal.aborted) onError(error);
      }
      // One that was not to be had, or was lost at once, is not asked for in a loop.
      if (performance.now() - sinceMs < RETRY_MS)
        await pause(RETRY_MS * (0.2 + 0.8 * random()), closing.signal);
    }
  })();
  const seatNow = (): ServerSeat | undefined => (held?.lost.aborted === true ? undefined : current);
  const writeClock = async (seat: ServerSeat, lease: string, offMs: number | undefined): Promise<void> => {
    isNoting = true;
    try {
      const value = { ...record, ...(offMs !== undefined && { clockOffMs: Math.round(offMs) }) };
      const { ok } = await renewSeat(store, seat, value, lease);
      if (ok && seat === current) noted = offMs;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      noteAgainMs = performance.now() + NOTE_AGAIN_MS;
      onError(error);
    } finally {
      isNoting = false;
    }
  };
  return {
    seat: seatNow,
    noteClock(offMs) {
      const seat = seatNow();
      const isNews = (offMs === undefined) !== (noted === undefined);
      const isDue = isNews && !isNoting && performance.now() >= noteAgainMs;
      if (isDue && seat !== undefined && held !== undefined) void writeClock(seat, held.id, offMs);
    },
    async close() {
      closing.abort();
      await ended;
    },
  };
}

async function untilAborted(...signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}

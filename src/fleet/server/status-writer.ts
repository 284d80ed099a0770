import { type WrittenStatus, writeNodeStatus } from "../../core/fleet/read-node-status.ts";
import { EngineError } from "../engine/engine-error.ts";
import { pause } from "../pause.ts";
import type { RecallStatus } from "../store/collect-records.ts";
import type { Guard } from "../store/commit.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import type { FollowedFleet } from "../store/follow-fleet.ts";
import { keyOf } from "../store/record-name.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import { MOST_STATUSES, writeStatuses } from "../store/write-status.ts";
import type { Draft } from "./prepare-write.ts";
import { refreshStatuses } from "./refresh-statuses.ts";
import type { StatusBoard } from "./status-board.ts";

export interface StatusWriter {
  /** So many statuses go into one transaction. */
  readonly most: number;
  hasRoom(): boolean;
  /**
   * written: all of it is durable, and the board knows. again: it has to be prepared anew, from what the board knows now;
   * perhaps it was written all the same. Resolves when a next try makes sense. Never rejects.
   */
  write(drafts: readonly Draft[], seat: ServerSeat): Promise<"written" | "again">;
  /** What is written here is told back by the engine, once. */
  readonly recall: RecallStatus;
}

export interface WriterOptions {
  readonly store: FleetStore;
  readonly followed: FollowedFleet;
  readonly board: StatusBoard;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onWrite: (outcome: "ok" | "conflict" | "error", statuses: number, tookMs: number) => void;
  readonly onError: (error: EngineError) => void;
}

/** Transactions under way at once: more would wait in the engine instead of here, where they grow. */
const MOST_AT_ONCE = 4;
const RETRY_MS = 500;
/** So long the records are waited for that a conflict has shown to be behind. */
const CATCH_UP_MS = 300;

export function createStatusWriter(options: WriterOptions): StatusWriter {
  const { store, followed, board, random, signal, onWrite, onError } = options;
  let writing = 0;
  /** The newest of each node that has not come back yet. */
  const underWay = new Map<string, WrittenStatus>();

  const tryOnce = async (drafts: readonly Draft[], seat: ServerSeat): Promise<"written" | "conflict"> => {
    const writes = drafts.map(({ status, modRevision, own }) => {
      const written = writeNodeStatus(status);
      underWay.set(status.node, written);
      return { ...written, modRevision, guards: own };
    });
    const result = await writeStatuses(store, seat, writes, sharedGuards(store.fleet, drafts));
    if (!result.ok) {
      for (const { status } of writes) underWay.delete(status.node);
      return "conflict";
    }
    const { revision: modRevision } = result;
    for (const { status } of writes) board.learn(status.node, { status, modRevision });
    return "written";
  };
  /** Until the engine has said how things are: before that nobody knows what was written. */
  const lookAgain = async (drafts: readonly Draft[]): Promise<void> => {
    const nodes = drafts.map(({ entry }) => entry.id);
    while (!signal.aborted) {
      try {
        const revision = await refreshStatuses(store, board, nodes, { signal });
        await catchUp(revision);
        return;
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        onError(error);
        await pause(RETRY_MS * (0.5 + random()), signal);
      }
    }
  };
  const catchUp = async (revision: number): Promise<void> => {
    const untilMs = performance.now() + CATCH_UP_MS;
    while (followed.revision() < revision && performance.now() < untilMs && !signal.aborted)
      await pause(10, signal);
  };
  return {
    most: MOST_STATUSES,
    recall(node, bytes) {
      const written = underWay.get(node);
      if (written === undefined || Buffer.compare(written.bytes, bytes) !== 0) return undefined;
      underWay.delete(node);
      return written.status;
    },
    hasRoom: () => writing < MOST_AT_ONCE,
    async write(drafts, seat) {
      writing++;
      const startMs = performance.now();
      const tell = (outcome: "ok" | "conflict" | "error"): void =>
        onWrite(outcome, drafts.length, performance.now() - startMs);
      try {
        const outcome = await tryOnce(drafts, seat);
        tell(outcome === "written" ? "ok" : "conflict");
        if (outcome === "written") return "written";
        await lookAgain(drafts);
        return "again";
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        tell("error");
        onError(error);
        if (error.applied === "unknown") await lookAgain(drafts);
        else await pause(RETRY_MS * (0.5 + random()), signal);
        return "again";
      } finally {
        writing--;
      }
    },
  };
}

/** Each once: what was prepared together saw the same. */
function sharedGuards(fleet: string, drafts: readonly Draft[]): readonly Guard[] {
  const guards = new Map<string, Guard>();
  for (const list of new Set(drafts.map(({ shared }) => shared)))
    for (const guard of list) guards.set(keyOf(fleet, guard.name), guard);
  return [...guards.values()];
}

import type { NodeStatus } from "../../core/fleet/node-status.ts";
import { ENGINE_LIMITS } from "../engine/engine-limits.ts";
import { commit, type Guard, type RecordWrite, type WriteResult } from "./commit.ts";
import type { FleetStore } from "./fleet-store.ts";
import { type ServerSeat, servedBy } from "./serve-fleet.ts";

export interface StatusWrite {
  readonly status: NodeStatus;
  /** Of it, where `writeNodeStatus` has been asked already. */
  readonly bytes?: Uint8Array;
  /** Of the status that it was made from; 0: there was none. */
  readonly modRevision: number;
  /** What else it was made from: for an offer, the node's override as it was. */
  readonly guards?: readonly Guard[];
}

/**
 * Statuses of different nodes in one transaction, by the feed server that has their streams. With an offer among them,
 * `guards` are the rollout's state and the channel that it was chosen by (`guardOf`). Not ok: one of all has changed, and
 * none is written; who wants to know which writes them one by one. At most MOST_STATUSES.
 */
export function writeStatuses(
  store: FleetStore,
  seat: ServerSeat,
  writes: readonly StatusWrite[],
  guards: readonly Guard[] = [],
): Promise<WriteResult> {
  const own = writes.flatMap(({ status, modRevision, guards: more = [] }): readonly Guard[] => [
    { name: { kind: "status", id: status.node }, modRevision },
    ...more,
  ]);
  const puts = writes.map(
    ({ status, bytes }): RecordWrite => ({
      kind: "status",
      id: status.node,
      value: status,
      ...(bytes && { bytes }),
    }),
  );
  return commit(store, [servedBy(seat), ...guards, ...own], puts);
}

/** With one guard of its own for each, and some for all, a transaction has room for so many. */
export const MOST_STATUSES = Math.floor(ENGINE_LIMITS.txnOperations / 2) - 8;

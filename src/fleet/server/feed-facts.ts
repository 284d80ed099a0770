import type { ServerSeat } from "../store/serve-fleet.ts";
import type { Admission } from "./admit-connections.ts";
import type { RecordsSide } from "./connect-records.ts";

/** Figures of now. */
export interface FeedFacts {
  readonly serverId: string | undefined;
  readonly streams: number;
  readonly connections: number;
  readonly handshakesWaiting: number;
  readonly engineAgeMs: number;
  readonly beatAgeMs: number;
  /** By how much this machine's clock is ahead of the controller's, as far as that is known. */
  readonly clockOffMs: number;
  readonly unwrittenReports: number;
  readonly tokensHeld: number;
  readonly nodesWaitingForToken: number;
  readonly brokenRecords: number;
  readonly isDraining: boolean;
}

export function gatherFacts(
  { followed, desk, tokens }: Pick<RecordsSide, "followed" | "desk" | "tokens">,
  admission: Admission,
  seat: ServerSeat | undefined,
  isDraining: boolean,
  nowMs: number,
): FeedFacts {
  let unwrittenReports = 0;
  for (const { reports } of desk.sessions()) unwrittenReports += reports.length;
  return {
    serverId: seat?.id,
    streams: desk.count(),
    connections: admission.open(),
    handshakesWaiting: admission.waiting(),
    engineAgeMs: followed.ageMs(),
    beatAgeMs: followed.beatAgeMs(),
    clockOffMs: followed.clockOffMs(nowMs),
    unwrittenReports,
    tokensHeld: tokens.held(),
    nodesWaitingForToken: tokens.waiting(),
    brokenRecords: followed.records.broken.size,
    isDraining,
  };
}

/** All in milliseconds; tests make them shorter. */
export interface FeedTimes {
  /** How often each side tells the other that it is there. */
  readonly heartbeatMs: number;
  /** From the beginning of a stream to its Hello. */
  readonly helloMs: number;
  /** A stream that is older is sent on, so that nodes spread again over servers that have come. */
  readonly maxAgeMs: number;
  /** Of the server's own key. */
  readonly leaseMs: number;
  /** A message that a node does not take for so long. */
  readonly stuckMs: number;
  /** Over which nodes come back that are sent away when this server ends. */
  readonly drainSpreadMs: number;
}

export const FEED_TIMES: FeedTimes = {
  heartbeatMs: 30_000,
  helloMs: 10_000,
  maxAgeMs: 3_600_000,
  leaseMs: 15_000,
  stuckMs: 120_000,
  drainSpreadMs: 30_000,
};

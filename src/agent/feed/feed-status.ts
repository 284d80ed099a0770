import { formatAge } from "../../core/evidence/format-age.ts";
import type { FeedStanding } from "./feed-standing.ts";

/** How the connection stands. */
export interface FeedLinkState {
  readonly isConnected: boolean;
  /** Since when it is as it is, ms since the epoch. */
  readonly sinceMs: number;
  readonly server?: { readonly id: string; readonly version: string };
  /** Why there is no stream; "" where there is. */
  readonly message: string;
  /** What is wrong with the certificate's files, while older ones are used. */
  readonly stale?: string;
  /** How long ago the feed was last proven to know the fleet's newest state; undefined: never. */
  readonly engineAgeMs?: number;
  /** End of the certificate that is shown. */
  readonly certificateNotAfterMs?: number;
  /** Streams that were opened since the agent started. */
  readonly streams: number;
}

/** The feed, for status, page and metrics. */
export interface FeedStatus extends FeedLinkState, Omit<FeedStanding, "answers"> {
  readonly address: string;
}

/** A line or two for people. A feed that is away is no trouble of the node's: it is told, and nothing more. */
export function describeFeed(feed: FeedStatus, nowMs: number): readonly string[] {
  const { address, isConnected, sinceMs, server, message, stale } = feed;
  const since = formatAge(nowMs - sinceMs);
  const link = isConnected
    ? `feed ${address}: connected to ${server?.id ?? "a server"} for ${since}${describeAge(feed)}`
    : `feed ${address}: no connection for ${since} (${message}); what is in force stays`;
  return [
    link,
    ...(stale === undefined
      ? []
      : [`feed: the certificate's files: ${stale}; the ones from before are used`]),
    ...describeStanding(feed, nowMs),
  ];
}

const OLD_MS = 30_000;

function describeAge({ engineAgeMs }: FeedStatus): string {
  return engineAgeMs === undefined || engineAgeMs < OLD_MS
    ? ""
    : `, which itself has not heard of the fleet for ${formatAge(engineAgeMs)}`;
}

function describeStanding(
  { selected, assignment, lastAnswer }: FeedStatus,
  nowMs: number,
): readonly string[] {
  const from =
    selected === undefined
      ? "feed: it has chosen nothing for this node yet"
      : `feed: serial ${selected.serial} (${selected.digest.slice(0, 12)}) is its choice for this node${selected.isSoaked ? "" : ", not soaked yet"}`;
  const lines = [from];
  if (assignment !== undefined) {
    const held = assignment.held ? `: ${assignment.held}` : "";
    lines.push(`feed: assignment ${assignment.id} is ${assignment.phase}${held}`);
  } else if (lastAnswer !== undefined) {
    const { assignmentId, phase, error, atMs } = lastAnswer;
    const why = error === undefined ? "" : `: ${error.message} (${error.code})`;
    lines.push(`feed: assignment ${assignmentId} ended ${phase} ${formatAge(nowMs - atMs)} ago${why}`);
  }
  return lines;
}

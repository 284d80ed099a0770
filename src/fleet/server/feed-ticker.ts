import { CLOCK_OFF_MS, CONTROLLER_FRESH_MS, ENGINE_FRESH_MS } from "../../core/fleet/choose-assignment.ts";
import type { FollowedFleet } from "../store/follow-fleet.ts";
import type { ServerMessages } from "./encode-server-message.ts";
import type { FeedEvent } from "./feed-events.ts";
import type { FeedTimes } from "./feed-times.ts";
import type { NodeDesk } from "./node-desk.ts";
import type { Session } from "./node-entry.ts";

export interface TickerOptions {
  readonly desk: NodeDesk;
  readonly followed: FollowedFleet;
  readonly messages: ServerMessages;
  readonly times: FeedTimes;
  readonly nowMs: () => number;
  readonly uptimeMs: () => number;
  readonly random: () => number;
  readonly onEvent: (event: FeedEvent) => void;
  /** At each tick: by how much the clock is off where it is too much, undefined where not. */
  readonly onClock: (offMs: number | undefined) => void;
  /** Whatever else there is to do now and then. */
  readonly work: () => void;
}

const MOST_TICK_MS = 1_000;

/** What time alone brings: windows that open, deadlines that pass. Each node is looked at in this many ticks. */
const ROUNDS = 15;

/** A node that has said nothing for so many heartbeats is not there. */
const MOST_MISSED = 3;

/** Everything that happens because time goes by. */
export function startTicker(options: TickerOptions): { stop(): void } {
  const { desk, followed, messages, times, nowMs, uptimeMs, random, onClock, work, onEvent } = options;
  let round = 0;
  let wasFresh = "";
  let wasClockOff = false;
  /** Each a little earlier or later than others of its age. */
  const maxAgeOf = ({ openedMs, stream }: Session): number =>
    openedMs + times.maxAgeMs * (0.9 + 0.2 * ((stream * 0.618) % 1));
  /** Then streams are left as they are: nobody would know of new ones. */
  const isCutOff = (): boolean => followed.ageMs() > ENGINE_FRESH_MS;
  const lookAt = (session: Session, atMs: number, beat: () => Buffer): void => {
    if (session.isUnread()) session.heardMs = atMs;
    const stuckMs = session.outbox.stuckSinceMs();
    if (stuckMs !== undefined && atMs - stuckMs > times.stuckMs) session.end("stuck");
    else if (atMs - session.heardMs > MOST_MISSED * times.heartbeatMs + 1_000) session.end("silent");
    else if (atMs > maxAgeOf(session) && !isCutOff()) session.end("old");
    else if (atMs >= session.nextBeatMs) {
      // The first one comes at once, so that the node knows how old the server's view is; those after it are spread.
      const least = session.nextBeatMs === session.openedMs ? 0.5 : 0.9;
      session.nextBeatMs = atMs + times.heartbeatMs * (least + (1 - least) * random());
      session.outbox.beat(beat());
    }
  };
  const tick = (): void => {
    const atMs = uptimeMs();
    let encoded: Buffer | undefined;
    const beat = (): Buffer => {
      encoded ??= messages.heartbeat(nowMs(), followed.ageMs());
      return encoded;
    };
    round = (round + 1) % ROUNDS;
    const due: string[] = [];
    for (const session of [...desk.sessions()]) {
      lookAt(session, atMs, beat);
      if (session.stream % ROUNDS === round) due.push(session.node);
    }
    const offMs = followed.clockOffMs(nowMs());
    const isClockOff = Math.abs(offMs) > CLOCK_OFF_MS;
    if (isClockOff !== wasClockOff) onEvent({ kind: "clock", offMs, isOff: isClockOff });
    wasClockOff = isClockOff;
    onClock(isClockOff ? offMs : undefined);
    const fresh = `${isCutOff()} ${followed.beatAgeMs() > CONTROLLER_FRESH_MS} ${isClockOff}`;
    if (fresh !== wasFresh) desk.lookAll();
    else desk.look(due);
    wasFresh = fresh;
    work();
  };
  const timer = setInterval(tick, Math.min(MOST_TICK_MS, times.heartbeatMs / 2)).unref();
  return { stop: () => clearInterval(timer) };
}

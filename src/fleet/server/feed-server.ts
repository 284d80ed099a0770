import type { FollowedFleet } from "../store/follow-fleet.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import { connectRecords } from "./connect-records.ts";
import { type DeniedList, isDenied } from "./denied-list.ts";
import type { FeedCertificates } from "./feed-certificates.ts";
import { type FeedFacts, gatherFacts } from "./feed-facts.ts";
import { type FeedServerOptions, newServerId } from "./feed-server-options.ts";
import { startTicker } from "./feed-ticker.ts";
import type { NodeDesk } from "./node-desk.ts";
import { openDoor } from "./open-door.ts";
import { keepSeat, type SeatKeeper } from "./seat-keeper.ts";
import { createKeyedThrottle } from "./throttle.ts";

export interface FeedServer {
  /** The port that is really bound. */
  readonly port: number;
  /** The records that it follows; a controller in the same process may use them too. */
  readonly followed: FollowedFleet;
  useCertificates(certificates: FeedCertificates): void;
  /** Streams of nodes that it denies end at once. */
  useDenied(denied: DeniedList): void;
  facts(): FeedFacts;
  /** Sends all nodes away, spread, and notes that they are gone. Resolves when that is durable, or after `atMostMs`. */
  drain(atMostMs: number): Promise<void>;
  /** Without a farewell. */
  close(): Promise<void>;
}

/** Of one node. */
const MOST_BEGINNINGS = { burst: 20, perSecond: 0.5 } as const;

/** Listens once the records are there and the server has its seat. Rejects with the system's error, or EngineError. */
export async function startFeedServer(options: FeedServerOptions): Promise<FeedServer> {
  const server = createFeedServer(options);
  try {
    await server.listen();
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

function createFeedServer(options: FeedServerOptions) {
  const { times, nowMs, uptimeMs, random, onEvent } = options;
  const closing = new AbortController();
  let { denied } = options;
  let isDraining = false;
  let port = 0;
  let seatKeeper: SeatKeeper | undefined;
  const seat = (): ServerSeat | undefined => seatKeeper?.seat();
  const side = connectRecords(options, seat, closing.signal);
  const { followed, board, chooser, bundles, desk, messages, tokens } = side;
  const door = openDoor(options, {
    desk,
    board,
    chooser,
    bundles,
    messages,
    times,
    trustDomain: options.trustDomain,
    maxStreams: options.maxStreams,
    version: options.version,
    serverId: () => seat()?.id ?? "",
    denied: () => denied,
    isDraining: () => isDraining,
    nowMs,
    loopMs: uptimeMs,
    random,
    onEvent,
    beginnings: createKeyedThrottle(MOST_BEGINNINGS.burst, MOST_BEGINNINGS.perSecond),
  });
  seatKeeper = takeSeat(options, desk, closing.signal);
  const ticker = startTicker({
    ...options,
    desk,
    followed,
    messages,
    onClock: (offMs) => seatKeeper?.noteClock(offMs),
    work: () => tokens.work(nowMs()),
  });

  return {
    get port() {
      return port;
    },
    followed,
    async listen(): Promise<void> {
      await followed.ready;
      port = await door.admission.listen(options.listen.host, options.listen.port);
    },
    useCertificates: door.useCertificates,
    useDenied(list: DeniedList) {
      denied = list;
      for (const session of [...desk.sessions()])
        if (isDenied(list, session.node, session.serial)) session.end("denied");
    },
    facts: () => gatherFacts(side, door.admission, seat(), isDraining, nowMs()),
    async drain(atMostMs: number) {
      isDraining = true;
      door.admission.stop();
      for (const session of [...desk.sessions()]) session.end("draining");
      await desk.settle(AbortSignal.timeout(atMostMs));
    },
    async close(): Promise<void> {
      closing.abort();
      ticker.stop();
      await door.close();
      desk.close();
      await seatKeeper?.close();
      await followed.close();
    },
  };
}

function takeSeat(options: FeedServerOptions, desk: NodeDesk, closing: AbortSignal): SeatKeeper {
  const { store, version, host, listen, times, nowMs, random, onEvent } = options;
  return keepSeat({
    store,
    record: { version, host, address: `${listen.host}:${listen.port}`, startedMs: nowMs() },
    newId: () => newServerId(options),
    random,
    leaseMs: times.leaseMs,
    onSeat(now) {
      if (closing.aborted) return;
      onEvent({ kind: "seat", id: now?.id });
      if (now !== undefined) desk.onSeat();
    },
    onError: (error) => onEvent({ kind: "engine-error", message: error.message }),
  });
}

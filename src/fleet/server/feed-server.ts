import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { Sha256 } from "../../core/fleet/membership.ts";
import type { FeedDefinition } from "../../shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import { type FollowedFleet, followFleet } from "../store/follow-fleet.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import { type Admission, admitConnections } from "./admit-connections.ts";
import { createBundleCache } from "./bundle-cache.ts";
import { createChooser } from "./choose-for-node.ts";
import { type DeniedList, isDenied } from "./denied-list.ts";
import { createServerMessages } from "./encode-server-message.ts";
import type { FeedCertificates } from "./feed-certificates.ts";
import type { FeedContext } from "./feed-context.ts";
import { FeedCredentials } from "./feed-credentials.ts";
import type { FeedEvent } from "./feed-events.ts";
import { startTicker } from "./feed-ticker.ts";
import type { FeedTimes } from "./feed-times.ts";
import { createNodeDesk, type NodeDesk } from "./node-desk.ts";

import { keepSeat, type SeatKeeper } from "./seat-keeper.ts";
import { serveFetch } from "./serve-fetch.ts";
import { type SyncCall, serveSync } from "./serve-sync.ts";
import { createStatusBoard } from "./status-board.ts";
import { createStatusWriter } from "./status-writer.ts";
import { createKeyedThrottle } from "./throttle.ts";
import { createTokenKeeper } from "./token-keeper.ts";

export interface FeedServerOptions {
  readonly store: FleetStore;
  readonly service: FeedDefinition;
  /** Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly trustDomain: string;
  readonly maxStreams: number;
  readonly handshakesPerSecond: number;
  readonly certificates: FeedCertificates;
  readonly denied: DeniedList;
  readonly version: string;
  /** Of this machine, for people. */
  readonly host: string;
  readonly times: FeedTimes;
  /** Of the wall: what is written down. */
  readonly nowMs: () => number;
  /** Only grows: what is waited for. */
  readonly uptimeMs: () => number;
  readonly random: () => number;
  /** For names that nobody has had before. */
  readonly randomHex: (bytes: number) => string;
  readonly sha256: Sha256;
  readonly onEvent: (event: FeedEvent) => void;
}

/** Figures of now. */
export interface FeedFacts {
  readonly serverId: string | undefined;
  readonly streams: number;
  readonly connections: number;
  readonly handshakesWaiting: number;
  readonly engineAgeMs: number;
  readonly beatAgeMs: number;
  readonly unwrittenReports: number;
  readonly tokensHeld: number;
  readonly nodesWaitingForToken: number;
  readonly brokenRecords: number;
  readonly isDraining: boolean;
}

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

/** grpc-js' own limits, which are else generous. */
const GRPC_OPTIONS: ServerOptions = {
  "grpc.max_receive_message_length": 256 * 1024,
  "grpc.max_concurrent_streams": 8,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_connection_idle_ms": 60_000,
  "grpc.enable_channelz": 0,
};

/** Of one node. */
const MOST_BEGINNINGS = { burst: 20, perSecond: 0.5 } as const;

/** Connections without a stream, as those that only ask once: so many beside the streams. */
const SPARE_CONNECTIONS = 512;

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
  const { store, service, times, nowMs, uptimeMs, random, sha256, onEvent } = options;
  const closing = new AbortController();
  let { denied } = options;
  let isDraining = false;
  let port = 0;
  // They need each other: none of them acts before the records are there.
  let desk: NodeDesk | undefined;
  let seatKeeper: SeatKeeper | undefined;
  const seat = (): ServerSeat | undefined => seatKeeper?.seat();

  const followed = followFleet(store, {
    nowMs: uptimeMs,
    random,
    onChanges(changed) {
      onRecords(changed);
    },
    onNotice(notice) {
      if (notice.kind === "broken-record")
        onEvent({ kind: "broken-record", key: notice.record.key, message: notice.record.message });
      else if (notice.kind === "reconnect") onEvent({ kind: "engine-error", message: notice.error.message });
    },
  });
  const { records } = followed;
  const board = createStatusBoard(store.fleet, records);
  const chooser = createChooser(store.fleet, followed, sha256);
  const messages = createServerMessages(service);
  const onError = (error: Error): void => onEvent({ kind: "engine-error", message: error.message });
  const bundles = createBundleCache(
    store,
    uptimeMs,
    (digest) => desk?.look(waitingFor(desk, digest)),
    (digest, message) => onEvent({ kind: "bundle-missing", digest, message }),
  );
  const tokens = createTokenKeeper({
    store,
    records,
    board,
    seat,
    nowMs,
    onTokens: (nodes) => desk?.look(nodes),
    onError,
  });
  const writer = createStatusWriter({
    store,
    followed,
    board,
    random,
    signal: closing.signal,
    onWrite: (outcome, statuses, tookMs) => onEvent({ kind: "status-write", outcome, statuses, tookMs }),
    onError,
  });
  let streams = 0;
  const theDesk = createNodeDesk({
    board,
    chooser,
    tokens,
    bundles,
    writer,
    seat,
    nowMs,
    nextStream: () => ++streams,
    send(session, assignment) {
      const { digest } = assignment.bundle;
      const isNeeded = assignment.mode !== "hold" && !session.known.has(digest);
      const envelope = isNeeded ? bundles.get(digest) : undefined;
      // It was there when the offer was made; should it have gone since, the node asks for nothing and is told again.
      if (isNeeded && envelope === undefined) {
        session.unsent = assignment;
        session.waitsFor = digest;
        return;
      }
      session.outbox.assign(messages.assignment(assignment, envelope), () => {
        if (envelope !== undefined) session.known.add(digest);
        onEvent({ kind: "assigned", node: session.node, mode: assignment.mode, id: assignment.id });
      });
    },
    acknowledge: (session, seq) => session.outbox.acknowledge(seq),
    onCloned: (node) => onEvent({ kind: "cloned", node }),
  });
  desk = theDesk;

  const onRecords = (
    changed: Parameters<NonNullable<Parameters<typeof followFleet>[1]["onChanges"]>>[0],
  ): void => {
    let isForAll = false;
    for (const { kind, id } of changed) {
      if (kind === "status") {
        board.follow(id);
        desk?.onStatus(id);
      } else if (kind === "override" || kind === "inventory") desk?.look([id]);
      else if (kind === "channel" || kind === "spec" || kind === "state") isForAll = true;
      else if (kind === "tokens") tokens.onChange();
      if (kind !== "status" && kind !== "server" && kind !== "controller") chooser.forget();
    }
    if (isForAll) desk?.lookAll();
  };

  const credentials = new FeedCredentials(options.certificates);
  const grpc = new Server(GRPC_OPTIONS);
  const injector = grpc.createConnectionInjector(credentials);
  const admission: Admission = admitConnections({
    perSecond: options.handshakesPerSecond,
    most: options.maxStreams + SPARE_CONNECTIONS,
    onConnection: (socket) => injector.injectConnection(socket),
    onDropped: (why) => onEvent({ kind: "connection-dropped", why }),
  });
  const context: FeedContext = {
    desk: theDesk,
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
    cut(peer) {
      const colon = peer.lastIndexOf(":");
      admission.find(peer.slice(0, colon), Number(peer.slice(colon + 1)))?.destroy();
    },
  };
  grpc.addService(
    // What is sent on streams is bytes already.
    { ...service, Sync: { ...service.Sync, responseSerialize: (bytes: Buffer) => bytes } } as never,
    {
      Sync: (call: SyncCall) => serveSync(context, call),
      Fetch: (call: Parameters<typeof serveFetch>[1], callback: Parameters<typeof serveFetch>[2]) =>
        void serveFetch(context, call, callback),
    },
  );
  seatKeeper = keepSeat({
    store,
    record: {
      version: options.version,
      host: options.host,
      address: `${options.listen.host}:${options.listen.port}`,
      startedMs: nowMs(),
    },
    newId: () => newServerId(options),
    random,
    leaseMs: times.leaseMs,
    onSeat(now) {
      if (closing.signal.aborted) return;
      onEvent({ kind: "seat", id: now?.id });
      if (now !== undefined) theDesk.onSeat();
    },
    onError,
  });
  const ticker = startTicker({
    ...options,
    desk: theDesk,
    followed,
    messages,
    work: () => tokens.work(nowMs()),
  });

  const close = async (): Promise<void> => {
    closing.abort();
    ticker.stop();
    await admission.close();
    grpc.forceShutdown();
    theDesk.close();
    await seatKeeper?.close();
    await followed.close();
  };
  return {
    get port() {
      return port;
    },
    followed,
    async listen(): Promise<void> {
      await followed.ready;
      port = await admission.listen(options.listen.host, options.listen.port);
    },
    useCertificates: (certificates: FeedCertificates) => credentials.use(certificates),
    useDenied(list: DeniedList) {
      denied = list;
      for (const session of [...theDesk.sessions()])
        if (isDenied(list, session.node, session.serial)) session.end("denied");
    },
    facts: (): FeedFacts => ({
      serverId: seat()?.id,
      streams: theDesk.count(),
      connections: admission.open(),
      handshakesWaiting: admission.waiting(),
      engineAgeMs: followed.ageMs(),
      beatAgeMs: followed.beatAgeMs(),
      unwrittenReports: sum(theDesk.sessions(), ({ reports }) => reports.length),
      tokensHeld: tokens.held(),
      nodesWaitingForToken: tokens.waiting(),
      brokenRecords: records.broken.size,
      isDraining,
    }),
    async drain(atMostMs: number) {
      isDraining = true;
      admission.stop();
      for (const session of [...theDesk.sessions()]) session.end("draining");
      await theDesk.settle(AbortSignal.timeout(atMostMs));
    },
    close,
  };
}

/** Short, as it stands three times in each node's status; another one each time. */
function newServerId({ host, randomHex }: FeedServerOptions): string {
  const name = host
    .replace(/[^A-Za-z0-9-]/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 20);
  return `${name === "" ? "feed" : name}-${randomHex(4)}`;
}

function* waitingFor(desk: NodeDesk, digest: string): Iterable<string> {
  for (const { node, waitsFor } of desk.sessions()) if (waitsFor === digest) yield node;
}

function sum<T>(all: Iterable<T>, of: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += of(one);
  return total;
}

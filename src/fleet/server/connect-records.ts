import { type FleetNotice, type FollowedFleet, followFleet } from "../store/follow-fleet.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import { type BundleCache, createBundleCache } from "./bundle-cache.ts";
import { type Chooser, createChooser } from "./choose-for-node.ts";
import { createServerMessages, type ServerMessages } from "./encode-server-message.ts";
import type { FeedEvent } from "./feed-events.ts";
import type { FeedServerOptions } from "./feed-server-options.ts";
import { handOnChanges } from "./hand-on-changes.ts";
import { createNodeDesk, type NodeDesk } from "./node-desk.ts";
import { sendAssignment } from "./send-assignment.ts";
import { createStatusBoard, type StatusBoard } from "./status-board.ts";
import { createStatusWriter } from "./status-writer.ts";
import { createTokenKeeper, type TokenKeeper } from "./token-keeper.ts";

/** All of a feed server that looks at the records of the fleet; streams come to it at the desk. */
export interface RecordsSide {
  readonly followed: FollowedFleet;
  readonly board: StatusBoard;
  readonly chooser: Chooser;
  readonly messages: ServerMessages;
  readonly bundles: BundleCache;
  readonly tokens: TokenKeeper;
  readonly desk: NodeDesk;
}

/** Its parts need each other: none of them acts before the records are there, which is when this is long over. */
export function connectRecords(
  options: FeedServerOptions,
  seat: () => ServerSeat | undefined,
  signal: AbortSignal,
): RecordsSide {
  const { store, service, nowMs, uptimeMs, random, sha256, onEvent } = options;
  const onError = (error: Error): void => onEvent({ kind: "engine-error", message: error.message });
  const followed = followFleet(store, {
    nowMs: uptimeMs,
    random,
    onChanges: (changed) => handOnChanges(changed, { board, chooser, tokens, desk }),
    onNotice: (notice) => tellNotice(notice, onEvent),
    recall: (node, bytes) => writer.recall(node, bytes),
  });
  const { records } = followed;
  const board = createStatusBoard(store.fleet, records);
  const chooser = createChooser(store.fleet, followed, sha256);
  const messages = createServerMessages(service);
  const bundles = createBundleCache(
    store,
    uptimeMs,
    (digest) => desk.look(waitingFor(desk, digest)),
    (digest, message) => onEvent({ kind: "bundle-missing", digest, message }),
  );
  const onTokens = (nodes: Iterable<string>): void => desk.look(nodes);
  const tokens = createTokenKeeper({ store, records, board, seat, nowMs, onTokens, onError });
  const writer = createStatusWriter({
    store,
    followed,
    board,
    random,
    signal,
    onWrite: (outcome, statuses, tookMs) => onEvent({ kind: "status-write", outcome, statuses, tookMs }),
    onError,
  });
  let streams = 0;
  const desk: NodeDesk = createNodeDesk({
    board,
    chooser,
    tokens,
    bundles,
    writer,
    seat,
    nowMs,
    nextStream: () => ++streams,
    send: (session, assignment) => sendAssignment(session, assignment, { bundles, messages, onEvent }),
    acknowledge: (session, seq) => session.outbox.acknowledge(seq),
    onCloned: (node) => onEvent({ kind: "cloned", node }),
  });
  return { followed, board, chooser, messages, bundles, tokens, desk };
}

function tellNotice(notice: FleetNotice, onEvent: (event: FeedEvent) => void): void {
  if (notice.kind === "broken-record")
    onEvent({ kind: "broken-record", key: notice.record.key, message: notice.record.message });
  else if (notice.kind === "reconnect") onEvent({ kind: "engine-error", message: notice.error.message });
}

function* waitingFor(desk: NodeDesk, digest: string): Iterable<string> {
  for (const { node, waitsFor } of desk.sessions()) if (waitsFor === digest) yield node;
}

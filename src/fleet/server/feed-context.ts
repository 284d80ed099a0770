import type { Welcome } from "../../shared/feed/generated/mirrorlet/feed/v1/Welcome.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { Chooser } from "./choose-for-node.ts";
import type { NodeHello } from "./decode-agent-message.ts";
import type { DeniedList } from "./denied-list.ts";
import type { ServerMessages } from "./encode-server-message.ts";
import type { FeedEvent } from "./feed-events.ts";
import type { FeedTimes } from "./feed-times.ts";
import type { NodeDesk } from "./node-desk.ts";
import type { StatusBoard } from "./status-board.ts";
import type { KeyedThrottle } from "./throttle.ts";

/** What the handlers of the service share. */
export interface FeedContext {
  readonly desk: NodeDesk;
  readonly board: StatusBoard;
  readonly chooser: Chooser;
  readonly bundles: BundleCache;
  readonly messages: ServerMessages;
  readonly times: FeedTimes;
  readonly trustDomain: string;
  readonly maxStreams: number;
  readonly version: string;
  readonly serverId: () => string;
  readonly denied: () => DeniedList;
  readonly isDraining: () => boolean;
  /** The wall clock. */
  readonly nowMs: () => number;
  /** Only grows. */
  readonly loopMs: () => number;
  readonly random: () => number;
  readonly onEvent: (event: FeedEvent) => void;
  /** Of a node's streams and questions: each costs writes, or a look at everything. */
  readonly beginnings: KeyedThrottle;
  /** Ends the connection of that far end, `host:port` as gRPC writes it, by force. */
  readonly cut: (peer: string) => void;
}

export const PROTOCOL = 1;

export function welcomeTo({ serverId, version, times }: FeedContext, { protocol }: NodeHello): Welcome {
  return {
    protocol: Math.min(PROTOCOL, protocol),
    serverId: serverId(),
    serverVersion: version,
    heartbeatMs: times.heartbeatMs,
  };
}

/** What is wrong with a Hello of the node with this certificate; undefined: nothing. */
export function checkHello({ node, protocol, instance }: NodeHello, id: string): string | undefined {
  if (node !== id) return `the certificate is that of node ${id}, and Hello says another one`;
  if (protocol < 1) return "Hello names no protocol";
  return instance === "" ? "Hello.instance must have 1 to 32 bytes" : undefined;
}

export const TOO_OFTEN = "this node begins streams too often: it has to wait longer in between";

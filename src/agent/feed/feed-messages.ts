import type { Bundle } from "../../core/fleet/bundle.ts";
import type { Mode } from "../../core/fleet/node-status.ts";
import type { Phase } from "../../core/fleet/phase.ts";

/*
 * The messages of proto/feed.proto as the agent understands them: decoded, bounded, digests in hex. What each field means
 * stands there.
 */

export interface FeedAssignment {
  readonly id: string;
  /** "": the channel's stable state, or a pin of the fleet's. */
  readonly rolloutId: string;
  readonly mode: Mode;
  readonly digest: string;
  /** Undefined: the node is said to have it. */
  readonly envelope: Uint8Array | undefined;
  readonly spreadMs: number;
  readonly soakMs: number;
  readonly reportByMs: number;
  readonly needsObserved: boolean;
}

export interface FeedError {
  readonly code: string;
  readonly message: string;
  /** Host namespace or mirror that it is about. */
  readonly item?: string;
  readonly retriable?: true;
}

/** One host namespace of an assignment. */
export interface FeedItem {
  readonly namespace: string;
  readonly phase: Phase;
  readonly error?: FeedError;
  readonly latencyMs?: number;
  /** The source behind `observed`. */
  readonly evidence?: string;
}

export interface FeedRejection extends Bundle {
  readonly error: FeedError;
  readonly atMs: number;
  readonly assignmentId: string;
}

export type FeedOrigin = "none" | "feed" | "file" | "pinned";

export interface FeedState {
  readonly running?: Bundle & { readonly sinceMs: number };
  /** Hex; undefined where what is on disk is not what should be. */
  readonly effectiveDigest?: string;
  readonly lastGoodDigest?: string;
  readonly floor: number;
  readonly rejections: readonly FeedRejection[];
  readonly source: FeedOrigin;
  readonly registries: readonly {
    readonly namespace: string;
    readonly verdict: string;
    readonly evidence: string;
    readonly lastPullMs: number;
  }[];
  readonly conditions: readonly { readonly type: string; readonly message: string }[];
  /** "": not known yet. */
  readonly containerdVersion: string;
}

export interface FeedReport {
  /** "": news of the node itself. */
  readonly assignmentId: string;
  readonly offeredDigest: string;
  /** Undefined: nothing but the state. */
  readonly phase: Phase | undefined;
  readonly state: FeedState;
  readonly error?: FeedError;
  readonly items: readonly FeedItem[];
  readonly atMs: number;
}

export interface FeedHello {
  readonly nodeId: string;
  /** Hex, of this process. */
  readonly instance: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly state: FeedState;
  /** Digests of documents that are still here. */
  readonly cached: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What the transport hands on; the rest of the protocol it answers itself. */
export type FeedNews =
  | { readonly kind: "assignment"; readonly assignment: FeedAssignment }
  /** All that was sent on this stream up to this number is durable at the fleet's side. */
  | { readonly kind: "ack"; readonly throughSeq: number }
  | { readonly kind: "need-state" };

/** An open stream, as the agent's side has it. */
export interface FeedStream {
  /** The number by which it is acknowledged. */
  send(report: FeedReport): number;
  /** Ends it, for another one to begin soon: with a new Hello both sides know the same again. */
  renew(reason: string): void;
}

/** What the transport calls, in order, never two streams at once. */
export interface FeedListener {
  hello(): Promise<FeedHello>;
  /** The server has said Welcome. */
  opened(stream: FeedStream): void;
  received(news: FeedNews): void;
  closed(): void;
}

import type { EvidenceReport } from "../../core/evidence/evidence-report.ts";
import type { Acceptance } from "../../core/signing/accept-sources.ts";
import type { SigningPorts } from "../../core/signing/check-signed-state.ts";
import type { Ports } from "../ports.ts";
import type { StateDirectory } from "../state-directory.ts";
import type { FeedAssignment, FeedError, FeedHello } from "./feed-messages.ts";
import type { FeedStore } from "./feed-store.ts";
import type { MemoryHolder } from "./hold-memory.ts";
import type { NodeView } from "./node-view.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { Speaker } from "./speaker.ts";
import type { Tried } from "./try-document.ts";

export interface FeedKeeperOptions {
  readonly ports: Pick<Ports, "files" | "clock" | "log" | "sha256">;
  readonly state: Pick<StateDirectory, "loadRecord" | "loadFloors" | "loadLastKnownGood">;
  readonly store: FeedStore;
  readonly self: Pick<FeedHello, "nodeId" | "instance" | "agentVersion" | "labels">;
  /** Who has to have signed, read anew each time; an error where the keys cannot be read. */
  readonly expected: () => Promise<Pick<Acceptance, "trust" | "node"> | FeedError>;
  readonly mayBeUnsigned: boolean;
  readonly signing: SigningPorts;
  readonly evidence: () => EvidenceReport;
  /** Asks for a pass. */
  readonly trigger: (reason: string) => void;
  readonly tryDocument: (envelope: Uint8Array, digest: string, signal: AbortSignal) => Promise<Tried>;
  /** A desired state of the node's own, which counts where the feed has chosen nothing. */
  readonly hasFile: () => Promise<boolean>;
}

/** What the parts of the keeper share. All that they do is done in turn, as jobs of `run`. */
export interface KeeperContext extends FeedKeeperOptions {
  readonly memory: MemoryHolder;
  readonly node: NodeView;
  readonly speaker: Speaker;
  readonly arrived: Arrived;
  readonly run: SerialQueue;
  /** The keeper stops: nothing new is begun. */
  readonly stopping: AbortSignal;
}

/** What the stream has brought and has not begun; it goes with the stream. */
export interface Arrived {
  waiting: Waiting | undefined;
  /** A preflight under way. */
  trying: Trying | undefined;
}

export interface Waiting {
  readonly assignment: FeedAssignment;
  readonly envelope: Uint8Array;
  /** It is the copy on the disk: what is wrong with it is no answer to the feed. */
  readonly isCopy: boolean;
  /** 0 while the document could not be checked to the end. */
  readonly serial: number;
  /** Uptime, ms. */
  readonly receivedMs: number;
  /** Uptime, ms: the node's part of the spread is over. */
  readonly dueMs: number;
}

export interface Trying {
  readonly assignment: FeedAssignment;
  readonly abort: AbortController;
}

export function dropArrived({ arrived }: KeeperContext): void {
  arrived.waiting = undefined;
  arrived.trying?.abort.abort(new Error("the feed says something else now"));
  arrived.trying = undefined;
}

/** Of the boot and in it: what is timed over restarts of the agent. */
export function nowOf({ ports: { clock } }: KeeperContext) {
  return { bootId: clock.bootId, uptimeMs: clock.uptimeMs() };
}

import type { Assignment } from "../../core/fleet/assignment.ts";
import type { NodeReport, NodeView } from "../../core/fleet/update-status.ts";
import type { NodeHello } from "./decode-agent-message.ts";
import type { Outbox } from "./outbox.ts";

/** Why a stream was ended by the server. */
export type EndReason =
  /** Another stream of the node counts. */
  | "superseded"
  /** Nothing was heard for too long. */
  | "silent"
  /** It does not take what it is sent. */
  | "stuck"
  | "denied"
  /** It has gone on for long enough, and goes to whichever server is next. */
  | "old"
  | "draining";

export interface PendingReport {
  readonly seq: number;
  readonly report: NodeReport;
  readonly atMs: number;
}

/** A stream whose node has said Hello. */
export interface Session {
  readonly node: string;
  readonly hello: NodeHello;
  readonly outbox: Outbox;
  /** Of the certificate. */
  readonly serial: string;
  readonly sinceMs: number;
  readonly end: (reason: EndReason) => void;
  /** There is room for reports again. */
  readonly onRoom: () => void;
  /** Nothing is read of it just now, so that its silence means nothing. */
  readonly isUnread: () => boolean;
  /** What the node says of itself, as last heard. */
  view: NodeView;
  /** The seat under which it stands in the node's status; undefined: in none yet. */
  seat: string | undefined;
  stream: number;
  /** Digests whose envelopes the node has. */
  readonly known: Set<string>;
  /** Not durable yet. */
  reports: readonly PendingReport[];
  /** Written, perhaps, and not sent. */
  unsent: Assignment | undefined;
  /** The envelope that is waited for. */
  waitsFor: string | undefined;
  /** When the node was last heard, and when this began; by the clock that only grows. */
  heardMs: number;
  readonly openedMs: number;
  wroteMs: number;
  nextBeatMs: number;
  isOver: boolean;
}

/** A stream that has ended, and whose end is still to be noted. */
export interface Departure {
  readonly server: string;
  readonly stream: number;
  readonly instance: string;
  readonly atMs: number;
}

/** A node with something to write, or with a stream. */
export interface NodeEntry {
  readonly id: string;
  session: Session | undefined;
  departure: Departure | undefined;
  /** A write of it is under way. */
  isBusy: boolean;
  /** Something has happened meanwhile. */
  again: boolean;
  /** With so many others its write may be in a transaction: fewer after one has failed. */
  share: number;
}

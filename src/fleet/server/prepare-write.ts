import { isDeepStrictEqual } from "node:util";
import type { Assignment } from "../../core/fleet/assignment.ts";
import { isNewestStream } from "../../core/fleet/in-flight.ts";
import { type NodeStatus, nameStream } from "../../core/fleet/node-status.ts";
import { isFinal } from "../../core/fleet/phase.ts";
import {
  connectNode,
  disconnectNode,
  recordOffer,
  recordReport,
  recordView,
} from "../../core/fleet/update-status.ts";
import type { Guard } from "../store/commit.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { Chooser } from "./choose-for-node.ts";
import type { NodeEntry, Session } from "./node-entry.ts";
import type { StatusBoard } from "./status-board.ts";
import type { TokenKeeper } from "./token-keeper.ts";

/** The next status of a node, and what follows once it is durable. */
export interface Draft {
  readonly entry: NodeEntry;
  readonly session: Session | undefined;
  readonly status: NodeStatus;
  readonly modRevision: number;
  /** The first write of this stream under this seat. */
  readonly connects: boolean;
  /** So many reports are in it. */
  readonly reports: number;
  readonly assignment?: Assignment;
  readonly shared: readonly Guard[];
  readonly own: readonly Guard[];
}

export type Prepared =
  | { readonly kind: "write"; readonly draft: Draft }
  /** There is nothing to write; this many reports say nothing new. `send`: a hold that is durable, and that nobody has heard. */
  | { readonly kind: "nothing"; readonly known: number; readonly send?: Assignment }
  /** Soon, together with what comes until then. */
  | { readonly kind: "later" }
  /** Another stream of the node counts. */
  | { readonly kind: "superseded" }
  /** Nothing is left to do for it. */
  | { readonly kind: "done" };

export interface PrepareDeps {
  readonly board: StatusBoard;
  readonly chooser: Chooser;
  readonly tokens: TokenKeeper;
  readonly bundles: BundleCache;
  readonly nextStream: () => number;
}

/** Statuses are written this often at least, so that it is seen that the node is heard. */
const SEEN_MS = 600_000;

/** News of a node that wait for nothing are written this often at most. */
const PACE_MS = 250;

/** All that is known of the node now becomes one write: who has its stream, what it has reported, what it is told next. */
export function prepareWrite(deps: PrepareDeps, entry: NodeEntry, seat: ServerSeat, nowMs: number): Prepared {
  const { session } = entry;
  return session === undefined || session.isOver
    ? prepareDeparture(deps, entry)
    : prepareSession(deps, entry, session, seat, nowMs);
}

function prepareDeparture({ board }: PrepareDeps, entry: NodeEntry): Prepared {
  const { departure } = entry;
  const { status, modRevision } = board.latest(entry.id);
  const isOurs =
    departure !== undefined &&
    status !== undefined &&
    isNewestStream(status, departure.server, departure.stream);
  if (!isOurs) return { kind: "done" };
  const next = disconnectNode(status, departure.instance, departure.atMs);
  return { kind: "write", draft: { ...EMPTY, entry, session: undefined, status: next, modRevision } };
}

const EMPTY = { connects: false, reports: 0, shared: [], own: [] } as const;

function prepareSession(
  deps: PrepareDeps,
  entry: NodeEntry,
  session: Session,
  seat: ServerSeat,
  nowMs: number,
): Prepared {
  const { status: before, modRevision } = deps.board.latest(entry.id);
  const connects = session.seat !== seat.id || before === undefined;
  if (!connects && !isNewestStream(before, seat.id, session.stream)) return { kind: "superseded" };
  const reports = session.reports.length;
  const heard = hear(connects ? connect(deps, session, seat, before, nowMs) : before, session);
  const unsent = connects ? undefined : findUnsent(session, heard);
  session.unsent = unsent;
  const offer = chooseOffer(deps, session, unsent === undefined ? heard : asUnsaid(heard), nowMs);
  // A hold is chosen once only; it stops what was said on this stream before.
  const hold = unsent?.mode === "hold" ? { send: unsent } : {};
  const isSeen = nowMs < (before?.seenMs ?? 0) + SEEN_MS;
  const base = { entry, session, modRevision, connects, reports };
  if (offer !== undefined) {
    const { assignment, shared, own } = offer;
    const status = recordOffer(heard, assignment, nowMs);
    return { kind: "write", draft: { ...base, status, assignment, shared, own } };
  }
  if (!connects && isSeen && (reports === 0 || isSame(before, heard)))
    return { kind: "nothing", known: reports, ...hold };
  const isUrgent = connects || session.reports.some(({ report }) => isFinal(report.phase));
  // Either way: a clock that was put back would hold it up for as long.
  if (!isUrgent && Math.abs(nowMs - session.wroteMs) < PACE_MS) return { kind: "later" };
  const status = isSeen || reports > 0 ? heard : recordView(heard, session.view, nowMs);
  return { kind: "write", draft: { ...EMPTY, ...base, status } };
}

function connect(
  { nextStream }: PrepareDeps,
  session: Session,
  { id: server }: ServerSeat,
  before: NodeStatus | undefined,
  sinceMs: number,
): NodeStatus {
  session.stream = nextStream();
  const { node, hello, view } = session;
  const connection = { server, stream: session.stream, instance: hello.instance, sinceMs };
  return connectNode(before, node, connection, hello.versions, view);
}

function hear(before: NodeStatus, { reports }: Session): NodeStatus {
  return reports.reduce((status, { report, atMs }) => recordReport(status, report, atMs), before);
}

/** An offer that has become durable without the node being told, as when the answer of the engine was lost. */
function findUnsent(session: Session, { connection, offer }: NodeStatus): Assignment | undefined {
  const { unsent } = session;
  const isDurable =
    unsent !== undefined &&
    connection !== undefined &&
    offer?.id === unsent.id &&
    offer.sentOn === nameStream(connection);
  return isDurable ? unsent : undefined;
}

/** The fleet may have decided otherwise since: it is chosen anew, by how things are now, and made durable again. */
function asUnsaid({ offer, ...status }: NodeStatus): NodeStatus {
  return { ...status, ...(offer && { offer: { ...offer, sentOn: "" } }) };
}

/** Undefined: nothing is to be said, or not yet: a token or the envelope is waited for. */
function chooseOffer(
  { chooser, tokens, bundles }: PrepareDeps,
  session: Session,
  status: NodeStatus,
  nowMs: number,
) {
  const { node } = session;
  session.waitsFor = undefined;
  const chosen = chooser.choose(node, status, nowMs);
  if (chosen?.assignment.needsToken !== true) tokens.forget(node);
  if (chosen === undefined) return undefined;
  const { mode, bundle, needsToken, rolloutId } = chosen.assignment;
  if (mode !== "hold" && !session.known.has(bundle.digest) && bundles.get(bundle.digest) === undefined) {
    session.waitsFor = bundle.digest;
    return undefined;
  }
  if (needsToken && (rolloutId === undefined || !tokens.reserve(rolloutId, node))) return undefined;
  return chosen;
}

/** But for when it was last heard. */
function isSame(before: NodeStatus | undefined, after: NodeStatus): boolean {
  return isDeepStrictEqual({ ...before, seenMs: 0 }, { ...after, seenMs: 0 });
}

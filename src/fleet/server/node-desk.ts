import type { Assignment } from "../../core/fleet/assignment.ts";
import { isNewestStream } from "../../core/fleet/in-flight.ts";
import { pause } from "../pause.ts";
import type { ServerSeat } from "../store/serve-fleet.ts";
import type { NodeEntry, PendingReport, Session } from "./node-entry.ts";
import type { Draft } from "./prepare-write.ts";
import { type PrepareDeps, prepareWrite } from "./prepare-write.ts";
import type { StatusWriter } from "./status-writer.ts";

/** Brings what happens at streams into the engine, and what is durable there to the streams. */
export interface NodeDesk {
  open(session: Session): void;
  /** False: no more should come until `onRoom`. The report is kept all the same. */
  report(session: Session, report: PendingReport): boolean;
  /** The stream has ended, by whomever. */
  leave(session: Session, atMs: number): void;
  /** Something may have changed for these nodes. */
  look(nodes: Iterable<string>): void;
  lookAll(): void;
  /** The record of the node's status is another one. */
  onStatus(node: string): void;
  /** There is a seat again. */
  onSeat(): void;
  sessions(): Iterable<Session>;
  count(): number;
  /** Nothing is left to write; or the signal is aborted. */
  settle(signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface DeskOptions extends PrepareDeps {
  readonly seat: () => ServerSeat | undefined;
  readonly writer: StatusWriter;
  readonly nowMs: () => number;
  readonly send: (session: Session, assignment: Assignment) => void;
  readonly acknowledge: (session: Session, seq: number) => void;
  /** Two processes use the id of this node in turns. */
  readonly onCloned: (node: string) => void;
}

const MOST_REPORTS = 32;
/** Records that a transaction compares for all of its nodes; the last of them may add a few. */
const MOST_SHARED = 8;
const SLICE_MS = 15;
const LATER_MS = 100;

/**
 * One write at a time for a node, with all that has come up for it since the last; several nodes share a transaction. So
 * the slower the engine is, the more goes into one. Works in slices: streams are served meanwhile.
 */
export function createNodeDesk(options: DeskOptions): NodeDesk {
  const { board, tokens, writer, seat, nowMs, send, acknowledge, onCloned } = options;
  const entries = new Map<string, NodeEntry>();
  const dirty = new Set<NodeEntry>();
  const later = new Set<NodeEntry>();
  let streams = 0;
  let soon: NodeJS.Immediate | undefined;
  let laterTimer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const wake = (): void => {
    if (!isClosed) soon ??= setImmediate(work);
  };
  const touch = (entry: NodeEntry): void => {
    if (entry.isBusy) entry.again = true;
    else dirty.add(entry);
    wake();
  };
  const postpone = (entry: NodeEntry): void => {
    later.add(entry);
    laterTimer ??= setTimeout(() => {
      laterTimer = undefined;
      for (const one of later) touch(one);
      later.clear();
    }, LATER_MS);
  };
  const entryOf = (node: string): NodeEntry => {
    const known = entries.get(node);
    if (known !== undefined) return known;
    const entry = {
      id: node,
      session: undefined,
      departure: undefined,
      isBusy: false,
      again: false,
      share: writer.most,
    };
    entries.set(node, entry);
    return entry;
  };
  const drop = (entry: NodeEntry): void => {
    const isIdle = entry.session === undefined && entry.departure === undefined;
    if (isIdle && entries.get(entry.id) === entry) entries.delete(entry.id);
  };
  const takeReports = (session: Session, count: number): void => {
    if (count === 0) return;
    const wasFull = session.reports.length >= MOST_REPORTS;
    const last = session.reports[count - 1];
    session.reports = session.reports.slice(count);
    if (last !== undefined && !session.isOver) acknowledge(session, last.seq);
    if (wasFull && session.reports.length < MOST_REPORTS) session.onRoom();
  };

  /** A write for this node, where one is needed now. */
  const prepare = (entry: NodeEntry, own: ServerSeat): Draft | undefined => {
    const prepared = prepareWrite(options, entry, own, nowMs());
    const { session } = entry;
    switch (prepared.kind) {
      case "write":
        return prepared.draft;
      case "later":
        postpone(entry);
        return undefined;
      case "superseded":
        session?.end("superseded");
        return undefined;
      case "done":
        entry.departure = undefined;
        drop(entry);
        return undefined;
      case "nothing":
        if (session === undefined) return undefined;
        if (prepared.known > 0) takeReports(session, prepared.known);
        if (prepared.send !== undefined) sendNow(session, prepared.send);
        return undefined;
      default:
        return prepared satisfies never;
    }
  };
  const sendNow = (session: Session, assignment: Assignment): void => {
    session.unsent = undefined;
    if (!session.isOver) send(session, assignment);
  };

  const gather = (own: ServerSeat, untilMs: number): readonly Draft[] => {
    const drafts: Draft[] = [];
    const shared = new Set<string>();
    let most = writer.most;
    for (const entry of dirty) {
      const isFull = drafts.length >= most || shared.size >= MOST_SHARED;
      if (isFull || performance.now() > untilMs) break;
      // Together with fewer than there are already: in a transaction of its own.
      if (drafts.length >= entry.share) continue;
      dirty.delete(entry);
      const draft = prepare(entry, own);
      if (draft === undefined) continue;
      entry.isBusy = true;
      most = Math.min(most, entry.share);
      // Mostly they are told the same, and it is the very same list.
      if (draft.shared !== drafts.at(-1)?.shared)
        for (const { name } of draft.shared) shared.add(`${name.kind} ${name.id}`);
      drafts.push(draft);
    }
    return drafts;
  };
  const write = async (drafts: readonly Draft[], own: ServerSeat): Promise<void> => {
    for (const { session, assignment } of drafts) if (session && assignment) session.unsent = assignment;
    const result = await writer.write(drafts, own);
    for (const draft of drafts) {
      const { entry, assignment } = draft;
      if (result === "written") settleOne(draft, own);
      else entry.share = Math.max(1, Math.floor(drafts.length / 2));
      if (assignment?.needsToken === true && assignment.rolloutId !== undefined)
        tokens.release(assignment.rolloutId);
      entry.isBusy = false;
      if (entry.again || result !== "written") {
        entry.again = false;
        dirty.add(entry);
      } else drop(entry);
    }
    wake();
  };
  const settleOne = (draft: Draft, own: ServerSeat): void => {
    const { entry, session, connects, reports, assignment, status } = draft;
    entry.share = writer.most;
    if (session === undefined) {
      entry.departure = undefined;
      return;
    }
    session.wroteMs = nowMs();
    if (connects) {
      session.seat = own.id;
      if (status.cloned === true) onCloned(entry.id);
    }
    takeReports(session, reports);
    if (assignment !== undefined) sendNow(session, assignment);
    const isLeft = assignment === undefined && session.unsent?.mode === "hold";
    if (session.isOver || session.reports.length > 0 || isLeft) entry.again = true;
  };
  const work = (): void => {
    soon = undefined;
    const own = seat();
    if (own === undefined || isClosed) return;
    const untilMs = performance.now() + SLICE_MS;
    while (dirty.size > 0 && writer.hasRoom()) {
      if (performance.now() > untilMs) {
        wake();
        return;
      }
      const drafts = gather(own, untilMs);
      if (drafts.length > 0) void write(drafts, own);
    }
  };
  return {
    open(session) {
      const entry = entryOf(session.node);
      const before = entry.session;
      entry.session = session;
      entry.departure = undefined;
      streams++;
      before?.end("superseded");
      touch(entry);
    },
    report(session, report) {
      session.reports = [...session.reports, report];
      session.view = report.report.view;
      const entry = entries.get(session.node);
      if (entry?.session === session) touch(entry);
      return session.reports.length < MOST_REPORTS;
    },
    leave(session, atMs) {
      if (session.isOver) return;
      streams--;
      session.isOver = true;
      const entry = entries.get(session.node);
      if (entry?.session !== session) return;
      tokens.forget(session.node);
      entry.session = undefined;
      const { stream, hello, seat: server } = session;
      const isBeing = entry.isBusy && server === undefined;
      // A first write that is still under way has to be undone as well.
      const under = server ?? (isBeing ? seat()?.id : undefined);
      if (under !== undefined) entry.departure = { server: under, stream, instance: hello.instance, atMs };
      touch(entry);
    },
    look(nodes) {
      for (const node of nodes) {
        const entry = entries.get(node);
        if (entry !== undefined) touch(entry);
      }
    },
    lookAll() {
      for (const entry of entries.values()) touch(entry);
    },
    onStatus(node) {
      const entry = entries.get(node);
      const session = entry?.session;
      if (entry === undefined || session?.seat === undefined) return;
      const { status } = board.latest(node);
      const isOurs = status !== undefined && isNewestStream(status, session.seat, session.stream);
      if (!isOurs) touch(entry);
    },
    onSeat() {
      for (const entry of entries.values()) touch(entry);
    },
    *sessions() {
      for (const { session } of entries.values()) if (session !== undefined) yield session;
    },
    count: () => streams,
    async settle(signal) {
      const isQuiet = (): boolean =>
        dirty.size === 0 && later.size === 0 && ![...entries.values()].some(({ isBusy }) => isBusy);
      while (!signal.aborted && !isQuiet()) await pause(20, signal);
    },
    close() {
      isClosed = true;
      clearImmediate(soon);
      clearTimeout(laterTimer);
    },
  };
}

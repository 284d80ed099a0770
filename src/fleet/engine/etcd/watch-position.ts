import type { Change } from "../engine.ts";
import type { EtcdEvent, WatchReply } from "./messages.ts";
import { toEntry } from "./to-entry.ts";

/** How far a watch has come, over all its streams. */
export interface WatchPosition {
  /** All changes up to this revision have been told: the next stream begins after it. */
  readonly reached: number;
  /** Revision of the newest change that was told. */
  readonly told: number;
  /** Events of a revision of which more may follow. */
  readonly held: readonly EtcdEvent[];
}

export function startAfter(revision: number): WatchPosition {
  return { reached: revision, told: revision, held: [] };
}

/** A stream that broke left part of a revision behind; the next one brings all of it. */
export function onNewStream({ reached, told }: WatchPosition): WatchPosition {
  return { reached, told, held: [] };
}

/**
 * The rule that keeps a watch from losing changes: it moves on only with changes that were delivered, or with a
 * progress notification. The header of a `created` response has the store's revision, which is ahead of the changes
 * that the new stream has yet to bring; so has that of a response with events when there are more than a thousand
 * revisions to catch up with (`watchBatchMaxRevs` in etcd's server/storage/mvcc).
 */
export function advance(
  position: WatchPosition,
  { created, canceled, fragment, events, header }: WatchReply,
): { readonly position: WatchPosition; readonly changes: readonly Change[] } {
  if (created || canceled) return { position, changes: [] };
  if (events.length === 0 && position.held.length === 0 && !fragment) {
    const reached = Math.max(position.reached, header.revision);
    return { position: { ...position, reached }, changes: [] };
  }
  const known = [...position.held, ...events].filter(({ kv }) => kv.modRevision > position.told);
  const last = known.at(-1)?.kv.modRevision ?? 0;
  // A fragment may end within a revision.
  const whole = fragment ? known.filter(({ kv }) => kv.modRevision < last) : known;
  const told = whole.at(-1)?.kv.modRevision ?? position.told;
  const held = known.slice(whole.length);
  const next = { reached: Math.max(position.reached, told), told, held };
  return { position: next, changes: whole.map(toChange) };
}

function toChange({ type, kv }: EtcdEvent): Change {
  if (type === "PUT") return { kind: "put", entry: toEntry(kv) };
  return { kind: "delete", key: kv.key.toString(), modRevision: kv.modRevision };
}

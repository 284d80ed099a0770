import type { Change, Entry } from "../engine.ts";
import type { JournalLine, JournalStep, StoredChange, StoredEntry } from "./journal-line.ts";

/** All of a journal, in memory. Changed by `applyLine` alone. */
export interface JournalState {
  revision: number;
  /** Changes after it are in `history`. */
  compacted: number;
  readonly entries: Map<string, StoredEntry>;
  /** Time to live by id. */
  readonly leases: Map<string, number>;
  readonly history: { readonly revision: number; readonly changes: readonly StoredChange[] }[];
}

/** As etcd's an empty journal is at revision 1. */
export function emptyState(): JournalState {
  return { revision: 1, compacted: 0, entries: new Map(), leases: new Map(), history: [] };
}

export function applyLine(state: JournalState, line: JournalLine): void {
  switch (line.kind) {
    case "head":
      state.revision = line.revision;
      state.compacted = line.compacted;
      return;
    case "entry":
      state.entries.set(line.entry.key, line.entry);
      return;
    case "lease":
      state.leases.set(line.lease, line.ttlMs);
      return;
    case "past":
      state.history.push(line);
      return;
    case "commit":
      for (const step of line.steps) applyStep(state, step);
  }
}

export function applyStep(state: JournalState, step: JournalStep): void {
  if (step.kind === "grant") state.leases.set(step.lease, step.ttlMs);
  if (step.kind === "end") state.leases.delete(step.lease);
  if (step.kind !== "change") return;
  for (const change of step.changes) {
    if ("put" in change) state.entries.set(change.put.key, change.put);
    else state.entries.delete(change.delete);
  }
  state.revision = step.revision;
  state.history.push(step);
}

export function entriesBelow(state: JournalState, prefix: string): readonly Entry[] {
  return [...state.entries.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(toEntry);
}

/** Undefined when some of them are no longer there. */
export function changesSince(
  state: JournalState,
  prefix: string,
  after: number,
): readonly Change[] | undefined {
  if (after < state.compacted) return undefined;
  const { history } = state;
  let first = history.length;
  while (first > 0 && (history[first - 1]?.revision ?? 0) > after) first--;
  return history
    .slice(first)
    .flatMap(({ revision, changes }) =>
      changes
        .map((change) => toChange(change, revision))
        .filter((change) => keyOf(change).startsWith(prefix)),
    );
}

/** Deletes what is under a lease, and the lease. */
export function stepsToEnd(state: JournalState, lease: string): readonly JournalStep[] {
  if (!state.leases.has(lease)) return [];
  const keys = [...state.entries.values()].filter((entry) => entry.lease === lease).map(({ key }) => key);
  const changes = keys.map((key) => ({ delete: key }));
  const deletions: readonly JournalStep[] =
    keys.length === 0 ? [] : [{ kind: "change", revision: state.revision + 1, changes }];
  return [...deletions, { kind: "end", lease }];
}

export function toEntry({ key, value, createRevision, modRevision }: StoredEntry): Entry {
  return { key, value, createRevision, modRevision };
}

function toChange(change: StoredChange, revision: number): Change {
  if ("put" in change) return { kind: "put", entry: toEntry(change.put) };
  return { kind: "delete", key: change.delete, modRevision: revision };
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.entry.key : change.key;
}

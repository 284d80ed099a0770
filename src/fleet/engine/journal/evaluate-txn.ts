import type { Compare, Entry, Operation, Txn, TxnResult } from "../engine.ts";
import { EngineError } from "../engine-error.ts";
import type { JournalStep, StoredChange, StoredEntry } from "./journal-line.ts";
import { type JournalState, toEntry } from "./journal-state.ts";

export interface EvaluatedTxn {
  readonly result: TxnResult;
  /** What is to be done; undefined: nothing. */
  readonly step?: JournalStep;
}

/** Whatever it finds, it changes nothing: the lock is not needed. */
export function readsOnly({ success, failure = [] }: Txn): boolean {
  return [...success, ...failure].every(({ kind }) => kind === "get");
}

/** What becomes of a transaction now; changes nothing. Throws EngineError `lease-lost`. */
export function evaluateTxn(state: JournalState, { compare = [], success, failure = [] }: Txn): EvaluatedTxn {
  const succeeded = compare.every((one) => holds(state, one));
  const operations = succeeded ? success : failure;
  const next = state.revision + 1;
  const changed = new Map<string, StoredEntry | undefined>();
  const find = (key: string) => (changed.has(key) ? changed.get(key) : state.entries.get(key));
  const gets: (Entry | undefined)[] = [];
  const changes: StoredChange[] = [];
  for (const operation of operations) {
    const { key } = operation;
    const found = find(key);
    if (operation.kind === "get") gets.push(found && toEntry(found));
    else if (operation.kind === "put") {
      const entry = entryOf(state, operation, found?.createRevision ?? next, next);
      changed.set(key, entry);
      changes.push({ put: entry });
    } else if (found !== undefined) {
      changed.set(key, undefined);
      changes.push({ delete: key });
    }
  }
  if (changes.length === 0) return { result: { succeeded, revision: state.revision, gets } };
  return { result: { succeeded, revision: next, gets }, step: { kind: "change", revision: next, changes } };
}

function entryOf(
  state: JournalState,
  { key, value, lease }: Extract<Operation, { kind: "put" }>,
  createRevision: number,
  modRevision: number,
): StoredEntry {
  if (lease !== undefined && !state.leases.has(lease))
    throw new EngineError("lease-lost", `lease ${lease} is gone: nothing was changed`);
  // A copy: the caller may go on to use its own.
  const entry = { key, value: Buffer.from(value), createRevision, modRevision };
  return lease === undefined ? entry : { ...entry, lease };
}

function holds(state: JournalState, compare: Compare): boolean {
  const entry = state.entries.get(compare.key);
  if ("createRevision" in compare) return (entry?.createRevision ?? 0) === compare.createRevision;
  if ("modRevision" in compare) return (entry?.modRevision ?? 0) === compare.modRevision;
  return entry?.value.equals(compare.value) ?? false;
}

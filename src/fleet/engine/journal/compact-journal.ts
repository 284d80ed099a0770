import type { JournalLine } from "./journal-line.ts";
import type { JournalState } from "./journal-state.ts";

/** The same journal without the changes up to a revision. */
export function* compactedLines(state: JournalState, upTo: number): Iterable<JournalLine> {
  const compacted = Math.max(state.compacted, Math.min(upTo, state.revision));
  yield { kind: "head", format: 1, revision: state.revision, compacted };
  for (const entry of state.entries.values()) yield { kind: "entry", entry };
  for (const [lease, ttlMs] of state.leases) yield { kind: "lease", lease, ttlMs };
  for (const { revision, changes } of state.history)
    if (revision > compacted) yield { kind: "past", revision, changes };
}

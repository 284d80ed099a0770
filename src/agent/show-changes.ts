import type { FileChange } from "../core/plan/plan-certs.ts";
import { diffOf } from "./execute.ts";
import type { ShownChange } from "./report.ts";

const MOST_FILES = 20;
const MOST_BYTES = 512 * 1024;
const MOST_TEXT = 16 * 1024;

/** The first changes as diffs, config.toml before all others. Bounded: a first pass may write thousands of files. */
export function showChanges(changes: readonly FileChange[], configPath: string): readonly ShownChange[] {
  const isConfig = ({ path }: FileChange) => path === configPath;
  const shown = [...changes.filter(isConfig), ...changes.filter((change) => !isConfig(change))];
  return shown
    .slice(0, MOST_FILES)
    .map((change) => ({ path: change.path, diff: cut(diffUnlessHuge(change)) }));
}

function diffUnlessHuge(change: FileChange): string {
  const bytes = (change.before?.byteLength ?? 0) + (change.after?.byteLength ?? 0);
  return bytes > MOST_BYTES ? `(${bytes} bytes, too long to compare here)\n` : diffOf(change);
}

function cut(text: string): string {
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}\n(cut off here)\n` : text;
}

import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Digest } from "../../core/bundle/bundle.ts";
import {
  type DoneImage,
  type JournalLine,
  journalLine,
  parseJournalLine,
} from "../../core/bundle/push/journal-lines.ts";
import { makeDirectories } from "../../shared/make-directories.ts";
import type { PushJournal } from "./push-journal.ts";

/** Larger than that it loses its older half. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The journal of a target, of which `target` tells all that makes it another one. Lines are appended as things happen,
 * so that a program that is killed leaves all but the last of them, and several may write at a time. Throws what the
 * file system throws.
 */
export function openJournal(path: string, target: string): PushJournal {
  makeDirectories(dirname(path), 0o700);
  const known = readKnown(path, target);
  const places = new Map<Digest, Set<string>>();
  const done = new Map<string, readonly DoneImage[]>();
  const learn = (line: JournalLine): void => {
    if (line.kind === "done") done.set(line.source, line.images);
    if (line.kind === "emptied") for (const place of places.values()) place.delete(line.repository);
    if (line.kind !== "blob") return;
    const place = places.get(line.digest) ?? new Set();
    places.set(line.digest, place.add(line.repository));
  };
  for (const line of known) learn(line);
  const add = (line: JournalLine): void => {
    learn(line);
    try {
      appendFileSync(path, journalLine(line));
    } catch {
      // A full disk: what is sent counts, and a rerun asks the registry.
    }
  };
  const has = (repository: string, digest: Digest): boolean => places.get(digest)?.has(repository) ?? false;
  return {
    has,
    // The newest: repositories that blobs only pass through come first.
    find: (digest, except) => [...(places.get(digest) ?? [])].findLast((place) => place !== except),
    note(repository, digest) {
      if (!has(repository, digest)) add({ kind: "blob", digest, repository });
    },
    blobsIn: (repository) =>
      [...places].flatMap(([digest, place]) => (place.has(repository) ? [digest] : [])),
    noteEmptied: (repository) => add({ kind: "emptied", repository }),
    doneImages: (source) => done.get(source),
    noteDone: (source, images) => add({ kind: "done", source, images }),
  };
}

/** Makes the file one that belongs to the target and may grow. */
function readKnown(path: string, target: string): readonly JournalLine[] {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  // Ten times as large is none that this program wrote.
  const text = size === 0 || size > 10 * MAX_BYTES ? "" : readFileSync(path, "utf8");
  const [first = "", ...rest] = text.split("\n");
  const head = parseJournalLine(first);
  const isOurs = head?.kind === "target" && head.target === target;
  const lines = isOurs ? rest : [];
  const kept = size > MAX_BYTES ? newestOf(lines) : lines;
  const isTorn = text !== "" && !text.endsWith("\n");
  if (!isOurs || kept !== lines || isTorn) rewrite(path, target, kept);
  return kept.map(parseJournalLine).filter((line) => line !== undefined);
}

function newestOf(lines: readonly string[]): readonly string[] {
  let from = lines.length;
  for (let bytes = 0; from > 0; from--) {
    bytes += (lines[from - 1]?.length ?? 0) + 1;
    if (bytes > MAX_BYTES / 2) break;
  }
  return lines.slice(from);
}

function rewrite(path: string, target: string, lines: readonly string[]): void {
  const whole = lines.filter((line) => parseJournalLine(line) !== undefined).map((line) => `${line}\n`);
  const next = `${path}.${process.pid}.new`;
  writeFileSync(next, journalLine({ kind: "target", target }) + whole.join(""), { mode: 0o600 });
  renameSync(next, path);
}

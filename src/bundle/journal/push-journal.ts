import type { Digest } from "../../core/bundle/bundle.ts";
import type { DoneImage } from "../../core/bundle/push/journal-lines.ts";

/** What pushes before this one knew of a registry: hints, each to be asked for before it is believed. */
export interface PushJournal {
  /** Whether a repository should have a blob. */
  has(repository: string, digest: Digest): boolean;
  /** Another repository that should have it. */
  find(digest: Digest, except: string): string | undefined;
  /** It has it, or is being sent it: who is killed then does not know how that ended, and asks. */
  note(repository: string, digest: Digest): void;
  /** What a repository should have. */
  blobsIn(repository: string): readonly Digest[];
  /** It has none of it any more. */
  noteEmptied(repository: string): void;
  /** The images of a source of which everything was pushed. */
  doneImages(source: string): readonly DoneImage[] | undefined;
  noteDone(source: string, images: readonly DoneImage[]): void;
}

/** Knows nothing, and keeps nothing. */
export const noJournal: PushJournal = {
  has: () => false,
  find: () => undefined,
  note: () => {},
  blobsIn: () => [],
  noteEmptied: () => {},
  doneImages: () => undefined,
  noteDone: () => {},
};

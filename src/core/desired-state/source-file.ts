/** One input as it was read: a desired-state file, or a document that came over the feed. */
export interface SourceFile {
  /** The name that issues carry: the path as the user gave it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

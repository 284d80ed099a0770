/** The log of containerd's unit. */
export interface UnitLog {
  /** Gives lines as they are written, until it ends: why it did. Never throws. */
  follow(follower: LogFollower, signal: AbortSignal): Promise<string>;
}

export interface LogFollower {
  /** Where to go on, as an entry before said; undefined: with what is written from now on. */
  readonly after: string | undefined;
  /** A quick look at a raw line; those that do not pass are not looked at again. */
  readonly isOfInterest: (text: string) => boolean;
  onOpen(): void;
  onEntry(entry: LogEntry): void;
  /** It cannot be followed, but has been read up to this place, from which to go on. The end comes at once. */
  onPlace(cursor: string): void;
}

export interface LogEntry {
  /** When it was written, wall clock, ms since the epoch. */
  readonly atMs: number;
  readonly text: string;
  /** Its place in the log. */
  readonly cursor: string;
}

/** A repository that a push made, and that is none of its images'. */
export interface LeftOver {
  readonly repository: string;
  /** What was put there: layers of images · the bytes with which mounts are tried, and nothing else. */
  readonly holds: "layers" | "probe";
  /** Or: the next push goes on from what is in it · nothing is in it, but registries go on listing its name. */
  readonly why: NotDeleted | "kept" | "emptied";
}

/** The login may not delete · the registry does not · it did not answer, or broke. */
export type NotDeleted = "refused" | "unsupported" | "broken";

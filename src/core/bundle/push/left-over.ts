/** A repository that a push made and that nobody needs any more. */
export interface LeftOver {
  readonly repository: string;
  /** The login may not delete · the registry does not · it did not answer, or broke. */
  readonly why: "refused" | "unsupported" | "broken";
}

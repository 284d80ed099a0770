/** Keys and indexes from the top of a record. */
export type RecordPath = readonly (string | number)[];

/** Something wrong with a record: where, what, and what to write instead. */
export interface Problem {
  readonly code: "wrong-type" | "missing-key" | "unknown-key" | "rollout-value";
  readonly path: RecordPath;
  readonly message: string;
  readonly fix: string;
}

export type ReadResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `waves[0].minDone must be …; write …` */
export function formatProblem({ message, fix }: Problem): string {
  return fix === "" ? message : `${message}; ${fix}`;
}

/** `waves[0].pick.percent` */
export function formatPath(path: RecordPath): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

/** What a value is, in words. */
export function describeValue(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return "text";
  return typeof value === "boolean" ? "true or false" : "a number";
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

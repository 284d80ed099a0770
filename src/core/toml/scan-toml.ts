/**
 * A TOML statement with the bytes it stands on. Offsets are UTF-16 indexes into the scanned text; lines count
 * from 1. `[a.b]` is a table, `[[a.b]]` an array table, `k = v` a key-value whose path is relative to its table.
 */
export interface TomlStatement {
  readonly kind: "table" | "array-table" | "key-value";
  /** For tables the whole header path; for key-values the (dotted) key alone. */
  readonly path: readonly string[];
  /** Header path of the table a key-value stands in; empty at the top. Equal to `path` for tables. */
  readonly table: readonly string[];
  /** From the start of the statement's first line to past its last line's newline. */
  readonly start: number;
  readonly end: number;
  /** The value's own range; zero-length at `end` for tables. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly line: number;
  readonly column: number;
}

/**
 * Splits TOML text into statements without building a document, so that a file can be edited in place and every
 * byte that is not ours stays. The text must already have been accepted by a real parser: on text that is not
 * TOML the result is unspecified (never an endless loop, never a throw).
 */
export function scanToml(text: string): readonly TomlStatement[] {
  void text;
  return [];
}

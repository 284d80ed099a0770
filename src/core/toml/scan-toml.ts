import { scanKey } from "./scan-key.ts";
import { skipBlanks, skipLine, skipValue } from "./skip-toml.ts";

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
  /** From the start of the statement's first line (behind a BOM) to past its last line's newline. */
  readonly start: number;
  readonly end: number;
  /** The value's own range; zero-length at `end` for tables. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Where the key or the header's bracket stands. */
  readonly line: number;
  readonly column: number;
}

/**
 * Splits TOML text into statements without building a document, so that a file can be edited in place and every
 * byte that is not ours stays. What lies between statements is comments, blank lines and a BOM. The text must
 * already have been accepted by a real parser: on text that is not TOML the result is unspecified (never an
 * endless loop, never a throw).
 */
export function scanToml(text: string): readonly TomlStatement[] {
  const statements: TomlStatement[] = [];
  let table: readonly string[] = [];
  let line = 1;
  let start = text.startsWith("\ufeff") ? 1 : 0;
  while (start < text.length) {
    const first = skipBlanks(text, start);
    let end = skipLine(text, start);
    if (!isBlankOrComment(text[first])) {
      const position = { start, line, column: first - start + 1 };
      const statement =
        text[first] === "[" ? scanHeader(text, first, position) : scanPair(text, first, table, position);
      if (statement.kind !== "key-value") table = statement.path;
      statements.push(statement);
      end = statement.end;
    }
    line += countNewlines(text, start, end);
    start = end;
  }
  return statements;
}

interface Position {
  readonly start: number;
  readonly line: number;
  readonly column: number;
}

function isBlankOrComment(char: string | undefined): boolean {
  return char === undefined || char === "#" || char === "\n" || char === "\r";
}

function scanHeader(text: string, from: number, position: Position): TomlStatement {
  const isArray = text[from + 1] === "[";
  const key = scanKey(text, from + (isArray ? 2 : 1));
  const end = skipLine(text, key.end);
  return {
    kind: isArray ? "array-table" : "table",
    path: key.path,
    table: key.path,
    ...position,
    end,
    valueStart: end,
    valueEnd: end,
  };
}

function scanPair(text: string, from: number, table: readonly string[], position: Position): TomlStatement {
  const key = scanKey(text, from);
  const valueStart = skipBlanks(text, text[key.end] === "=" ? key.end + 1 : key.end);
  const valueEnd = skipValue(text, valueStart, false);
  return {
    kind: "key-value",
    path: key.path,
    table,
    ...position,
    end: skipLine(text, valueEnd),
    valueStart,
    valueEnd,
  };
}

function countNewlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

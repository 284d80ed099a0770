import { scanToml, type TomlStatement } from "../../toml/scan-toml.ts";

/** A config.toml as text to be edited: its statements, and the bytes to keep. */
export interface ConfigText {
  readonly text: string;
  readonly statements: readonly TomlStatement[];
  readonly newline: "\n" | "\r\n";
}

export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export function openConfigText(text: string): ConfigText {
  const first = text.indexOf("\n");
  return { text, statements: scanToml(text), newline: first > 0 && text[first - 1] === "\r" ? "\r\n" : "\n" };
}

/** Applies edits that do not overlap. */
export function applyEdits(config: ConfigText, edits: readonly TextEdit[]): ConfigText {
  if (edits.length === 0) return config;
  let out = "";
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    out += config.text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return openConfigText(out + config.text.slice(at));
}

/** Lines put in at the start of a line. At the end of a file without a last newline, the result has none either. */
export function insertLines(config: ConfigText, at: number, lines: readonly string[]): TextEdit {
  const body = lines.join(config.newline);
  const isBehindNewline = at === 0 || config.text[at - 1] === "\n" || config.text[at - 1] === "\ufeff";
  return { start: at, end: at, text: isBehindNewline ? body + config.newline : config.newline + body };
}

/** Where the statement's value or table lives in the document. */
export function fullPath(statement: TomlStatement): readonly string[] {
  return statement.kind === "key-value" ? [...statement.table, ...statement.path] : statement.path;
}

export function startsWithPath(path: readonly string[], prefix: readonly string[]): boolean {
  return path.length >= prefix.length && prefix.every((key, index) => path[index] === key);
}

export function isSamePath(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && startsWithPath(left, right);
}

export function findHeader(config: ConfigText, path: readonly string[]): TomlStatement | undefined {
  return config.statements.find(
    (statement) => statement.kind === "table" && isSamePath(statement.path, path),
  );
}

/** The offset behind the last statement of the table that `index` stands in: a header may be inserted there. */
function endOfTable(config: ConfigText, index: number): number {
  let last = index;
  while (config.statements[last + 1]?.kind === "key-value") last++;
  return config.statements[last]?.end ?? config.text.length;
}

/** Where a table at `path` belongs: behind the last statement of its closest relatives. */
export function findPlaceForTable(config: ConfigText, path: readonly string[]): number {
  for (let length = path.length; length > 0; length--) {
    const prefix = path.slice(0, length);
    const index = config.statements.findLastIndex((statement) => startsWithPath(fullPath(statement), prefix));
    if (index !== -1) return endOfTable(config, index);
  }
  return config.text.length;
}

/** Comments directly above a table belong to it. */
export function startOfComments(config: ConfigText, start: number): number {
  let at = start;
  for (;;) {
    const previous = config.text.lastIndexOf("\n", at - 2) + 1;
    if (at === 0 || !/^[ \t]*#/.test(config.text.slice(previous, at))) return at;
    at = previous;
  }
}

import { encodeTomlPath, encodeTomlString } from "../../toml/encode-toml.ts";
import { scanInlineTable } from "../../toml/scan-inline-table.ts";
import type { TomlStatement } from "../../toml/scan-toml.ts";
import {
  encodeStringLike,
  headerIndent,
  headerText,
  indentOf,
  keyIndent,
  separatesTables,
} from "./config-style.ts";
import {
  applyEdits,
  type ConfigText,
  findHeader,
  findPlaceForTable,
  fullPath,
  insertLines,
  isSamePath,
  startOfComments,
  startsWithPath,
  type TextEdit,
} from "./config-text.ts";

/** Sets one string key of the table at `section`, however that table is written; undefined: it cannot be done. */
export function setString(
  config: ConfigText,
  section: readonly string[],
  key: string,
  value: string,
): ConfigText | undefined {
  const target = [...section, key];
  const own = config.statements.find((s) => s.kind === "key-value" && isSamePath(fullPath(s), target));
  if (own !== undefined)
    return applyEdits(config, [replaceValue(config, own.valueStart, own.valueEnd, value)]);
  const inline = findInlineHolder(config, section);
  if (inline !== undefined) {
    const edit = setInInline(config, inline.valueStart, target.slice(fullPath(inline).length), value);
    return edit && applyEdits(config, [edit]);
  }
  return applyEdits(config, [insertKey(config, section, key, value)]);
}

/** Removes one key of the table at `section`; undefined: it is not there on its own. */
export function removeKey(
  config: ConfigText,
  section: readonly string[],
  key: string,
): ConfigText | undefined {
  const target = [...section, key];
  const own = config.statements.find((s) => s.kind === "key-value" && isSamePath(fullPath(s), target));
  if (own !== undefined) return applyEdits(config, [{ start: own.start, end: own.end, text: "" }]);
  const inline = findInlineHolder(config, section);
  const edit = inline && removeFromInline(config, inline.valueStart, target.slice(fullPath(inline).length));
  return edit && applyEdits(config, [edit]);
}

function removeFromInline(config: ConfigText, open: number, path: readonly string[]): TextEdit | undefined {
  const pairs = scanInlineTable(config.text, open);
  const index = pairs.findIndex((pair) => startsWithPath(path, pair.path));
  const holder = pairs[index];
  if (holder === undefined) return undefined;
  if (!isSamePath(holder.path, path))
    return removeFromInline(config, holder.valueStart, path.slice(holder.path.length));
  const [previous, next] = [pairs[index - 1], pairs[index + 1]];
  if (previous !== undefined) return { start: previous.valueEnd, end: holder.valueEnd, text: "" };
  if (next !== undefined) return { start: holder.start, end: next.start, text: "" };
  return { start: open + 1, end: config.text.indexOf("}", holder.valueEnd), text: "" };
}

/** The statement whose value is an inline table that holds (or would hold) the table at `section`. */
export function findInlineHolder(config: ConfigText, section: readonly string[]): TomlStatement | undefined {
  return config.statements.find((statement) => {
    return (
      statement.kind === "key-value" &&
      startsWithPath(section, fullPath(statement)) &&
      config.text[statement.valueStart] === "{"
    );
  });
}

function replaceValue(config: ConfigText, start: number, end: number, value: string): TextEdit {
  return { start, end, text: encodeStringLike(config.text.slice(start, end), value) };
}

function setInInline(
  config: ConfigText,
  open: number,
  path: readonly string[],
  value: string,
): TextEdit | undefined {
  const pairs = scanInlineTable(config.text, open);
  const holder = pairs.find((pair) => startsWithPath(path, pair.path));
  if (holder !== undefined && isSamePath(holder.path, path)) {
    return replaceValue(config, holder.valueStart, holder.valueEnd, value);
  }
  if (holder !== undefined)
    return setInInline(config, holder.valueStart, path.slice(holder.path.length), value);
  // A dotted sibling such as `registry.headers.X = …` would make `registry = { … }` a second definition.
  if (pairs.some((pair) => pair.path[0] === path[0])) return undefined;
  const pair = path.reduceRight((inner, key, index) => {
    return `${encodeTomlPath([key])} = ${index === path.length - 1 ? inner : `{ ${inner} }`}`;
  }, encodeTomlString(value));
  const last = pairs.at(-1);
  if (last !== undefined) return { start: last.valueEnd, end: last.valueEnd, text: `, ${pair}` };
  const close = config.text.indexOf("}", open);
  return { start: open, end: close + 1, text: `{ ${pair} }` };
}

function insertKey(config: ConfigText, section: readonly string[], key: string, value: string): TextEdit {
  const pair = (name: readonly string[]): string => `${encodeTomlPath(name)} = ${encodeTomlString(value)}`;
  const header = findHeader(config, section);
  if (header !== undefined) {
    const indent = keyIndent(config, indentOf(config, header), section);
    return insertLines(config, header.end, [indent + pair([key])]);
  }
  const dotted = findDottedRelative(config, section);
  if (dotted !== undefined) {
    const name = [...section, key].slice(dotted.statement.table.length);
    const at = dotted.isInside ? dotted.statement.start : dotted.statement.end;
    return insertLines(config, at, [indentOf(config, dotted.statement) + pair(name)]);
  }
  const line = keyIndent(config, headerIndent(config, section), section) + pair([key]);
  return insertTable(config, section, [line]);
}

/** A new table: before its first sub-table where there is one, else behind its closest relatives. */
function insertTable(config: ConfigText, path: readonly string[], body: readonly string[]): TextEdit {
  const lines = [headerIndent(config, path) + headerText(config, path), ...body];
  const child = config.statements.find(
    ({ kind, path: own }) => kind === "table" && startsWithPath(own, path),
  );
  const separated = separatesTables(config);
  if (child !== undefined)
    return insertLines(config, startOfComments(config, child.start), separated ? [...lines, ""] : lines);
  const at = findPlaceForTable(config, path);
  const isFirst = config.text.slice(0, at).trim() === "";
  return insertLines(config, at, separated && !isFirst ? ["", ...lines] : lines);
}

/** A dotted key that defines the section (`isInside`) or, failing that, its parent, from a shorter table. */
function findDottedRelative(config: ConfigText, section: readonly string[]) {
  const isDottedInto = (statement: TomlStatement, path: readonly string[]): boolean =>
    statement.kind === "key-value" &&
    statement.table.length < path.length &&
    startsWithPath(fullPath(statement), path);
  const inside = config.statements.find((statement) => isDottedInto(statement, section));
  if (inside !== undefined) return { statement: inside, isInside: true };
  const parent = section.slice(0, -1);
  const hasHeader = config.statements.some(
    ({ kind, path }) => kind === "table" && startsWithPath(path, parent),
  );
  const beside = hasHeader
    ? undefined
    : config.statements.findLast((statement) => isDottedInto(statement, parent));
  return beside && { statement: beside, isInside: false };
}

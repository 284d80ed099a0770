import { OWNERSHIP_MARKER } from "../../file-tree.ts";
import { encodeTomlKey, encodeTomlString, encodeTomlStrings } from "../../toml/encode-toml.ts";
import type { TomlStatement } from "../../toml/scan-toml.ts";
import { headerIndent, headerText, indentOf, keyIndent, separatesTables } from "./config-style.ts";
import {
  applyEdits,
  type ConfigText,
  findPlaceForTable,
  insertLines,
  isSamePath,
  startsWithPath,
  type TextEdit,
} from "./config-text.ts";

/** A table below `registry` that is ours: recognised by the marker line directly above its header. */
export interface OwnedTable {
  /** Relative to `registry`: `["configs", "host:port", "auth"]`, `["mirrors", "gcr.io"]`. */
  readonly path: readonly string[];
  readonly values: readonly (readonly [key: string, value: string | boolean | readonly string[]])[];
}

/** An owned table in the text: from its marker line to behind its last key. */
interface OwnedBlock {
  readonly header: TomlStatement;
  readonly start: number;
  readonly bodyEnd: number;
}

/** Paths, relative to `registry`, of the tables in the text that carry the marker. */
export function listOwnedPaths(
  config: ConfigText,
  section: readonly string[],
): readonly (readonly string[])[] {
  return findBlocks(config, section).map(({ header }) => header.path.slice(section.length));
}

/** Takes owned tables out, with the blank line that set each apart. */
export function removeOwned(
  config: ConfigText,
  section: readonly string[],
  paths: readonly (readonly string[])[],
): ConfigText {
  const keys = new Set(paths.map((path) => JSON.stringify([...section, ...path])));
  const blocks = findBlocks(config, section).filter(({ header }) => keys.has(JSON.stringify(header.path)));
  return applyEdits(
    config,
    blocks.map(({ start, bodyEnd }) => cutLines(config, start, bodyEnd)),
  );
}

/** Brings the values of owned tables that are there up to date; the others stay as they are. */
export function updateOwned(
  config: ConfigText,
  section: readonly string[],
  tables: readonly OwnedTable[],
): ConfigText {
  const wanted = new Map(tables.map((table) => [JSON.stringify([...section, ...table.path]), table]));
  const edits = findBlocks(config, section).flatMap(({ header, bodyEnd }): TextEdit[] => {
    const table = wanted.get(JSON.stringify(header.path));
    if (table === undefined) return [];
    const lines = bodyLines(table, keyIndent(config, indentOf(config, header), header.path));
    const hasNewline = config.text[bodyEnd - 1] === "\n";
    return [
      {
        start: header.end,
        end: bodyEnd,
        text: lines.join(config.newline) + (hasNewline ? config.newline : ""),
      },
    ];
  });
  return applyEdits(config, edits);
}

/** Adds tables behind their closest relatives, with the marker line unless they are to be the operator's. */
export function addTables(
  config: ConfigText,
  section: readonly string[],
  tables: readonly OwnedTable[],
  marker: typeof OWNERSHIP_MARKER | undefined,
): ConfigText {
  let result = config;
  for (const name of ["mirrors", "configs"]) {
    const group = tables.filter(({ path }) => path[0] === name);
    if (group.length > 0) result = applyEdits(result, [insertGroup(result, section, group, marker)]);
  }
  return result;
}

function insertGroup(
  config: ConfigText,
  section: readonly string[],
  group: readonly OwnedTable[],
  marker: string | undefined,
): TextEdit {
  const [first] = group;
  const at = findPlaceForTable(config, [...section, first?.path[0] ?? ""]);
  const separated = separatesTables(config);
  const indents = new Map<number, { readonly header: string; readonly key: string }>();
  const lines = group.flatMap((table) => {
    const path = [...section, ...table.path];
    // Tables of one group at one depth look alike.
    const indent = indents.get(path.length) ?? measureIndents(config, path);
    indents.set(path.length, indent);
    const block = [indent.header + headerText(config, path), ...bodyLines(table, indent.key)];
    const marked = marker === undefined ? block : [indent.header + marker, ...block];
    return separated ? ["", ...marked] : marked;
  });
  const isFirst = config.text.slice(0, at).trim() === "";
  return insertLines(config, at, separated && isFirst ? lines.slice(1) : lines);
}

function measureIndents(config: ConfigText, path: readonly string[]) {
  const header = headerIndent(config, path);
  return { header, key: keyIndent(config, header, path) };
}

function bodyLines(table: OwnedTable, indent: string): readonly string[] {
  return table.values.map(([key, value]) => `${indent}${encodeTomlKey(key)} = ${encodeValue(value)}`);
}

function encodeValue(value: string | boolean | readonly string[]): string {
  if (typeof value === "boolean") return String(value);
  return typeof value === "string" ? encodeTomlString(value) : encodeTomlStrings(value);
}

function findBlocks(config: ConfigText, section: readonly string[]): readonly OwnedBlock[] {
  return config.statements.flatMap((header, index) => {
    const start = markerStart(config, header);
    const isBelow = header.path.length > section.length && startsWithPath(header.path, section);
    if (header.kind !== "table" || !isBelow || start === undefined) return [];
    let last = index;
    while (isBodyOf(config.statements[last + 1], header)) last++;
    return [{ header, start, bodyEnd: config.statements[last]?.end ?? header.end }];
  });
}

function isBodyOf(statement: TomlStatement | undefined, header: TomlStatement): boolean {
  return statement?.kind === "key-value" && isSamePath(statement.table, header.path);
}

function markerStart(config: ConfigText, header: TomlStatement): number | undefined {
  if (header.start === 0) return undefined;
  const start = config.text.lastIndexOf("\n", header.start - 2) + 1;
  return config.text.slice(start, header.start).trim() === OWNERSHIP_MARKER ? start : undefined;
}

/** Whole lines, and one of the two blank lines that would be left standing together. */
export function cutLines(config: ConfigText, start: number, end: number): TextEdit {
  const before = /\r?\n[ \t]*\r?\n$/.exec(config.text.slice(Math.max(0, start - 100), start));
  const isBlankBehind = end === config.text.length || /^[ \t]*\r?\n/.test(config.text.slice(end, end + 100));
  if (before === null || !isBlankBehind) return { start, end, text: "" };
  const blank = before[0].replace(/^\r?\n/, "").length;
  return { start: start - blank, end, text: "" };
}

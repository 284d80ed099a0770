import { isPlainTomlValue } from "../../toml/is-plain-toml.ts";
import { isTomlTable, parseToml, type TomlValue } from "../../toml/parse-toml.ts";
import type { TomlStatement } from "../../toml/scan-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import { headerPathV1, headerTextV1 } from "./header-v1.ts";
import { Rejection } from "./rejection.ts";

/** A TOML document with the place of every key, which a plain parser does not keep. */
export type TreeNode = TreeTable | TreeValue;

export interface TreeTable {
  readonly kind: "table";
  readonly children: Map<string, TreeNode>;
  /** By its own header, as a parent in one, by a dotted key, or as `{ … }`. */
  origin: "header" | "parent" | "dotted" | "inline";
  /** The header, counted, under which it was made. */
  readonly section: number;
  readonly line: number;
  readonly column: number;
}

interface TreeValue {
  readonly kind: "value";
  readonly value: Exclude<TomlValue, { readonly [key: string]: TomlValue }> | readonly TomlValue[];
  /** The last element, of an array table. */
  readonly element?: TreeTable;
  readonly line: number;
  readonly column: number;
}

export interface TomlTree {
  readonly root: TreeTable;
  /** `[…]` headers in file order, their paths as the library reads them. */
  readonly headers: readonly (Place & { readonly path: readonly string[] })[];
}

type Place = { readonly line: number; readonly column: number };
type Library = ContainerdTraits["tomlLibrary"];

/**
 * Puts statements together that are TOML one by one. Throws Rejection where the library refuses a table or key that
 * is there already: go-toml v1 takes a header for what dotted keys made, v2 does not.
 */
export function buildTree(text: string, statements: readonly TomlStatement[], library: Library): TomlTree {
  const root = createTable("header", 0, { line: 1, column: 1 });
  const headers: (Place & { path: readonly string[] })[] = [];
  const seen = new Set<string>();
  let current = root;
  let section = 0;
  for (const statement of statements) {
    const { line, column } = statement;
    if (statement.kind === "key-value") {
      addPair(current, section, text, statement, library);
      continue;
    }
    section++;
    const isV1 = library === "go-toml-v1";
    const path = isV1 ? headerPathV1(text, statement) : statement.path;
    const written = headerTextV1(text, statement);
    if (isV1 && statement.kind === "table" && seen.has(written))
      refuse("duplicated tables", statement, library);
    seen.add(written);
    if (statement.kind === "table") headers.push({ path, line, column });
    current = openSection(root, section, path, statement, library);
  }
  return { root, headers };
}

function createTable(origin: TreeTable["origin"], section: number, { line, column }: Place): TreeTable {
  return { kind: "table", children: new Map(), origin, section, line, column };
}

function openSection(
  root: TreeTable,
  section: number,
  path: readonly string[],
  statement: TomlStatement,
  library: Library,
): TreeTable {
  let parent = root;
  for (const key of path.slice(0, -1))
    parent = stepInto(parent, key, createTable("parent", section, statement), statement, library);
  const key = path.at(-1) ?? "";
  const table = createTable("header", section, statement);
  if (statement.kind === "array-table") {
    const { line, column } = statement;
    parent.children.set(key, { kind: "value", value: [{}], element: table, line, column });
    return table;
  }
  const opened = stepInto(parent, key, table, statement, library);
  const isTaken = opened !== table && (opened.origin === "header" || opened.origin === "dotted");
  if (isTaken && library === "go-toml-v2") refuse(`table ${key} already exists`, statement, library);
  opened.origin = "header";
  return opened;
}

function addPair(
  current: TreeTable,
  section: number,
  text: string,
  statement: TomlStatement,
  library: Library,
): void {
  let parent = current;
  for (const key of statement.path.slice(0, -1)) {
    parent = stepInto(parent, key, createTable("dotted", section, statement), statement, library);
    const isElsewhere =
      parent.origin === "header" || (parent.origin === "dotted" && parent.section !== section);
    if (isElsewhere && library === "go-toml-v2")
      refuse(`cannot redefine table ${key} that has already been explicitly defined`, statement, library);
  }
  const key = statement.path.at(-1) ?? "";
  if (parent.children.has(key)) {
    const words = {
      "go-toml-v1": `The following key was defined twice: ${key}`,
      "go-toml-v2": `key ${key} is already defined`,
    };
    refuse(words[library], statement, library);
  }
  const value = readValue(text.slice(statement.valueStart, statement.valueEnd));
  if (value !== undefined) parent.children.set(key, toNode(value, section, statement));
}

function readValue(text: string): TomlValue | undefined {
  if (isPlainTomlValue(text)) return JSON.parse(text) as TomlValue;
  const parsed = parseToml(`value = ${text}`);
  return parsed.ok ? parsed.value["value"] : undefined;
}

function stepInto(
  parent: TreeTable,
  key: string,
  absent: TreeTable,
  place: Place,
  library: Library,
): TreeTable {
  const found = parent.children.get(key);
  if (found === undefined) {
    parent.children.set(key, absent);
    return absent;
  }
  const table = found.kind === "table" ? found : found.element;
  if (table === undefined) refuse(`${key} is a value and cannot be a table`, place, library);
  if (table.origin === "inline") refuse(`${key} is an inline table and cannot be added to`, place, library);
  return table;
}

function refuse(words: string, { line, column }: Place, library: Library): never {
  const isV1 = library === "go-toml-v1";
  const header = words === "duplicated tables" ? 1 : 0;
  const reason = isV1 ? `failed to parse TOML: (${line}, ${column + header}): ${words}` : `toml: ${words}`;
  throw new Rejection("syntax", reason, { line, column });
}

function toNode(value: TomlValue, section: number, place: Place): TreeNode {
  const { line, column } = place;
  if (!isTomlTable(value)) return { kind: "value", value, line, column };
  const node = createTable("inline", section, place);
  for (const key of Object.keys(value)) {
    const child = value[key];
    if (child !== undefined) node.children.set(key, toNode(child, section, place));
  }
  return node;
}

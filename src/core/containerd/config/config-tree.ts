import type { Place } from "../../issue.ts";
import { isTomlTable, type TomlTable, type TomlValue } from "../../toml/parse-toml.ts";
import { scanToml } from "../../toml/scan-toml.ts";

/** A parsed config.toml in which every node knows where it was written. */
export type ConfigNode = ConfigTable | ConfigValue;

export interface ConfigTable {
  readonly kind: "table";
  readonly at: Place;
  readonly entries: ReadonlyMap<string, ConfigNode>;
}

interface ConfigValue {
  readonly kind: "value";
  readonly at: Place;
  readonly value: TomlValue;
}

/** Joins a parsed document with the places of its statements. Members of an inline table stand where it stands. */
export function buildConfigTree(file: string, text: string, document: TomlTable): ConfigTable {
  const places = indexPlaces(file, text);
  return buildTable(document, [], { file, line: 1, column: 1 }, places);
}

/** The node at `path`. `foldCase`: as go-toml v2 matches keys, when there is no exact match. */
export function getNode(
  from: ConfigNode | undefined,
  path: readonly string[],
  foldCase = false,
): ConfigNode | undefined {
  let node = from;
  for (const key of path) {
    if (node?.kind !== "table") return undefined;
    node = node.entries.get(key) ?? (foldCase ? getFolded(node, key) : undefined);
  }
  return node;
}

/** Merges `over` into `under` as containerd 2.x merges imports: tables deep, arrays united, the rest overridden. */
export function mergeTables(under: ConfigTable | undefined, over: ConfigTable): ConfigTable {
  if (under === undefined) return over;
  const entries = new Map(under.entries);
  for (const [key, node] of over.entries) entries.set(key, mergeNodes(entries.get(key), node));
  return { ...under, entries };
}

/** The table with `entries` laid over its own. */
export function withEntries(
  table: ConfigTable,
  entries: Iterable<readonly [string, ConfigNode]>,
): ConfigTable {
  return { ...table, entries: new Map([...table.entries, ...entries]) };
}

const maxDepth = 64;

function buildTable(table: TomlTable, path: readonly string[], at: Place, places: Places): ConfigTable {
  const entries = new Map<string, ConfigNode>();
  for (const [key, value] of Object.entries(table)) {
    const childPath = [...path, key];
    const childAt = places.get(JSON.stringify(childPath)) ?? at;
    const isTable = isTomlTable(value) && childPath.length < maxDepth;
    entries.set(
      key,
      isTable ? buildTable(value, childPath, childAt, places) : { kind: "value", at: childAt, value },
    );
  }
  return { kind: "table", at, entries };
}

type Places = ReadonlyMap<string, Place>;

function indexPlaces(file: string, text: string): Places {
  const places = new Map<string, Place>();
  for (const statement of scanToml(text)) {
    const path = statement.kind === "key-value" ? [...statement.table, ...statement.path] : statement.path;
    const place = { file, line: statement.line, column: statement.column };
    for (let length = 1; length < Math.min(path.length, maxDepth); length++) {
      const key = JSON.stringify(path.slice(0, length));
      if (!places.has(key)) places.set(key, place);
    }
    places.set(JSON.stringify(path), place);
  }
  return places;
}

function getFolded(table: ConfigTable, key: string): ConfigNode | undefined {
  for (const [name, node] of table.entries) if (name.toLowerCase() === key.toLowerCase()) return node;
  return undefined;
}

function mergeNodes(under: ConfigNode | undefined, over: ConfigNode): ConfigNode {
  if (under?.kind === "table" && over.kind === "table") return mergeTables(under, over);
  if (
    under?.kind === "value" &&
    over.kind === "value" &&
    Array.isArray(under.value) &&
    Array.isArray(over.value)
  ) {
    return { ...over, value: uniteArrays(under.value, over.value) };
  }
  return over;
}

function uniteArrays(under: readonly TomlValue[], over: readonly TomlValue[]): readonly TomlValue[] {
  const known = new Set(under.map(identify));
  return [...under, ...over.filter((value) => !known.has(identify(value)))];
}

function identify(value: TomlValue): string {
  return JSON.stringify(value, (_, child: unknown) => (typeof child === "bigint" ? `${child}n` : child));
}

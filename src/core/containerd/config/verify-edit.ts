import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../../toml/parse-toml.ts";
import { type ConfigText, fullPath, openConfigText } from "./config-text.ts";
import type { OwnedTable } from "./owned-tables.ts";

/** What an edit was meant to do to the document. Paths are relative to `section`. */
export interface IntendedEdit {
  /** Path of the table that is edited: `registry`, or that of the exporter of traces. */
  readonly section: readonly string[];
  /** Its one key that is set; undefined: it is gone. */
  readonly key: { readonly name: string; readonly value: string | undefined };
  readonly removed: readonly (readonly string[])[];
  readonly tables: readonly OwnedTable[];
}

/**
 * Parses the edited text back and holds it against the original with only the intended paths changed; every
 * statement elsewhere must also be there with its very bytes, so that floats stay floats. Undefined: as intended.
 */
export function findDeviation(before: string, after: string, intended: IntendedEdit): string | undefined {
  const original = parseToml(before);
  const result = parseToml(after);
  if (!original.ok) return `the original is not TOML: line ${original.line}: ${original.message}`;
  if (!result.ok) return `the result is not TOML: line ${result.line}: ${result.message}`;
  const expected = normalize(apply(original.value, intended), intended.section);
  const actual = normalize(copyTable(result.value), intended.section);
  const difference = findDifference(expected, actual, []);
  if (difference !== undefined) return `the result differs at ${difference.join(".")}`;
  const kept = listForeign(openConfigText(before), intended);
  const found = listForeign(openConfigText(after), intended);
  const index = kept.findIndex((bytes, position) => bytes !== found[position]);
  if (index !== -1 || kept.length !== found.length) return "a statement that is not ours has changed";
  return undefined;
}

type Copy = { [key: string]: TomlValue };

function apply(original: TomlTable, intended: IntendedEdit): Copy {
  const document = copyTable(original);
  const registry = descend(document, intended.section);
  const { name, value } = intended.key;
  if (value === undefined) delete registry[name];
  else setOwn(registry, name, value);
  for (const path of intended.removed) {
    const parent = descend(registry, path.slice(0, -1));
    delete parent[path.at(-1) ?? ""];
  }
  for (const { path, values } of intended.tables) {
    const parent = descend(registry, path.slice(0, -1));
    const table: Copy = {};
    for (const [key, value] of values) setOwn(table, key, value);
    setOwn(parent, path.at(-1) ?? "", table);
  }
  return document;
}

function copyTable(table: TomlTable): Copy {
  const copy: Copy = {};
  for (const [key, value] of Object.entries(table))
    setOwn(copy, key, isTomlTable(value) ? copyTable(value) : value);
  return copy;
}

// A key called __proto__ is data like any other.
function setOwn(table: Copy, key: string, value: TomlValue): void {
  Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true });
}

function descend(from: Copy, path: readonly string[]): Copy {
  let node = from;
  for (const key of path) {
    const next = Object.hasOwn(node, key) ? node[key] : undefined;
    if (!isTomlTable(next)) setOwn(node, key, {});
    node = node[key] as Copy;
  }
  return node;
}

/** Empty tables on the way to ours mean nothing to containerd, and come and go with ours. */
function normalize(document: Copy, section: readonly string[]): Copy {
  const registry = descend(document, section);
  for (const group of ["mirrors", "configs"]) {
    const members = Object.hasOwn(registry, group) ? registry[group] : undefined;
    if (!isTomlTable(members)) continue;
    if (group === "configs") pruneEmpty(members as Copy);
    pruneEmpty(registry, group);
  }
  for (let length = section.length; length > 0; length--) {
    pruneEmpty(descend(document, section.slice(0, length - 1)), section[length - 1]);
  }
  return document;
}

function pruneEmpty(table: Copy, only?: string): void {
  for (const [key, value] of Object.entries(table)) {
    const isEmpty = isTomlTable(value) && Object.keys(value).length === 0;
    if (isEmpty && (only === undefined || key === only)) delete table[key];
  }
}

function findDifference(
  left: TomlValue | undefined,
  right: TomlValue | undefined,
  path: readonly string[],
): readonly string[] | undefined {
  if (isTomlTable(left) && isTomlTable(right)) {
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const difference = findDifference(ownValue(left, key), ownValue(right, key), [...path, key]);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return isSameValue(left, right) ? undefined : path;
}

function ownValue(table: TomlTable, key: string): TomlValue | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function isSameValue(left: TomlValue | undefined, right: TomlValue | undefined): boolean {
  if (left instanceof Date && right instanceof Date) return left.toISOString() === right.toISOString();
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length &&
      left.every((item, index) => findDifference(item, right[index], []) === undefined)
    );
  }
  return Object.is(left, right);
}

/** The bytes of every statement that no intended change touches, in order. */
function listForeign(config: ConfigText, { section, key, removed, tables }: IntendedEdit): readonly string[] {
  const ours = [...removed, ...tables.map(({ path }) => path)].map((path) => [...section, ...path]);
  const owned = new Set(ours.map((path) => JSON.stringify(path)));
  const holders = new Set([[...section, key.name], ...ours].flatMap(prefixesOf));
  return config.statements
    .filter((statement) => {
      const prefixes = prefixesOf(fullPath(statement));
      return !holders.has(prefixes.at(-1) ?? "") && !prefixes.some((prefix) => owned.has(prefix));
    })
    .map(({ start, end }) => config.text.slice(start, end).trimEnd());
}

function prefixesOf(path: readonly string[]): readonly string[] {
  return path.map((_, index) => JSON.stringify(path.slice(0, index + 1)));
}

import { isTomlTable, parseToml, type TomlValue } from "../../toml/parse-toml.ts";
import type { TomlStatement } from "../../toml/scan-toml.ts";

/** A TOML document with the place of every key, which a plain parser does not keep. */
export type TreeNode = TreeTable | TreeValue;

export interface TreeTable {
  readonly kind: "table";
  /** Written as `{ … }`: go-toml v1 gives such a table no position, and so no order. */
  readonly inline: boolean;
  readonly line: number;
  readonly column: number;
  readonly children: Map<string, TreeNode>;
}

export interface TreeValue {
  readonly kind: "value";
  readonly value: Exclude<TomlValue, { readonly [key: string]: TomlValue }> | readonly TomlValue[];
  readonly line: number;
  readonly column: number;
}

/** `headerOf` gives a header's path as the library in question reads it. The text must be valid TOML. */
export function buildTree(
  text: string,
  statements: readonly TomlStatement[],
  headerOf: (statement: TomlStatement) => readonly string[],
): TreeTable {
  const root = table({ line: 1, column: 1 }, false);
  let current = root;
  for (const statement of statements) {
    if (statement.kind === "table") current = descend(root, headerOf(statement), statement);
    else if (statement.kind === "array-table") current = addArrayTable(root, headerOf(statement), statement);
    else addPair(current, text, statement);
  }
  return root;
}

type Place = { readonly line: number; readonly column: number };

function table({ line, column }: Place, inline: boolean): TreeTable {
  return { kind: "table", inline, line, column, children: new Map() };
}

/** The table at `path`, made where absent. Below a value it is a detached one: nothing there is ever read. */
function descend(from: TreeTable, path: readonly string[], place: Place): TreeTable {
  let at = from;
  for (const key of path) {
    const next = at.children.get(key);
    if (next?.kind === "table") at = next;
    else {
      const made = table(place, false);
      if (next === undefined) at.children.set(key, made);
      at = made;
    }
  }
  return at;
}

function addArrayTable(root: TreeTable, path: readonly string[], place: Place): TreeTable {
  const parent = descend(root, path.slice(0, -1), place);
  const { line, column } = place;
  parent.children.set(path.at(-1) ?? "", { kind: "value", value: [{}], line, column });
  return table(place, false);
}

function addPair(current: TreeTable, text: string, statement: TomlStatement): void {
  const parsed = parseToml(`value = ${text.slice(statement.valueStart, statement.valueEnd)}`);
  const value = parsed.ok ? parsed.value["value"] : undefined;
  if (value === undefined) return;
  const parent = descend(current, statement.path.slice(0, -1), statement);
  parent.children.set(statement.path.at(-1) ?? "", toNode(value, statement));
}

function toNode(value: TomlValue, { line, column }: Place): TreeNode {
  if (!isTomlTable(value)) return { kind: "value", value, line, column };
  const node = table({ line, column }, true);
  for (const key of Object.keys(value)) {
    const child = value[key];
    if (child !== undefined) node.children.set(key, toNode(child, { line, column }));
  }
  return node;
}

import type { Issue } from "../../issue.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { isTomlTable, parseToml, type TomlValue } from "../../toml/parse-toml.ts";
import { type ConfigText, fullPath, startsWithPath } from "./config-text.ts";
import { findInlineHolder } from "./edit-key.ts";
import type { OwnedTable } from "./owned-tables.ts";

/** Wanted tables by what is to be done for them. */
export interface Presence {
  readonly missing: readonly OwnedTable[];
  /** Ours, with other values. */
  readonly outdated: readonly OwnedTable[];
  /** Somebody else's with other values, or places where no table can be put. */
  readonly issues: readonly Issue[];
}

export function splitByPresence(
  config: ConfigText,
  section: readonly string[],
  owned: readonly (readonly string[])[],
  tables: readonly OwnedTable[],
  file: string,
): Presence {
  if (tables.length === 0) return { missing: [], outdated: [], issues: [] };
  const document = parseToml(config.text);
  const ours = new Set(owned.map(encodeTomlPath));
  const missing: OwnedTable[] = [];
  const outdated: OwnedTable[] = [];
  const issues: Issue[] = [];
  for (const table of tables) {
    const path = [...section, ...table.path];
    const value = document.ok ? valueAt(document.value, path) : undefined;
    if (value === undefined) {
      const holder = findInlineHolder(config, path.slice(0, -1));
      if (holder === undefined) missing.push(table);
      else issues.push(issueAt(config, file, fullPath(holder), "containerd-config-inline-table", table));
    } else if (hasValues(value, table)) continue;
    else if (ours.has(encodeTomlPath(table.path))) outdated.push(table);
    else issues.push(issueAt(config, file, path, "containerd-config-foreign-table", table));
  }
  return { missing, outdated, issues };
}

function valueAt(from: TomlValue, path: readonly string[]): TomlValue | undefined {
  let value: TomlValue | undefined = from;
  for (const key of path) value = isTomlTable(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

function hasValues(value: TomlValue, table: OwnedTable): boolean {
  if (!isTomlTable(value) || Object.keys(value).length !== table.values.length) return false;
  return table.values.every(([key, wanted]) => JSON.stringify(value[key]) === JSON.stringify(wanted));
}

const texts = {
  "containerd-config-inline-table": [
    "stands in an inline table that cannot be edited in place",
    'write it as [plugins."…".registry] tables of its own',
  ],
  "containerd-config-foreign-table": [
    "is set to something else by somebody else",
    "remove that table, or take it out of the desired state",
  ],
} as const;

function issueAt(
  config: ConfigText,
  file: string,
  path: readonly string[],
  code: keyof typeof texts,
  table: OwnedTable,
): Issue {
  const statement = config.statements.find((candidate) => startsWithPath(fullPath(candidate), path));
  const [problem, fix] = texts[code];
  return {
    code,
    severity: "error",
    at: { file, line: statement?.line ?? 1, column: statement?.column ?? 1 },
    message: `registry.${encodeTomlPath(table.path)} ${problem}, so ${file} is left as it is`,
    fix,
  };
}

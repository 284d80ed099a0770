import type { Issue, Place } from "../issue.ts";
import { encodeTomlKey, encodeTomlPath } from "../toml/encode-toml.ts";
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../toml/parse-toml.ts";
import { scanToml } from "../toml/scan-toml.ts";
import { closestName } from "./closest-name.ts";
import type { SettingsFamily } from "./settings-family.ts";

export interface FileSetting<Key extends string> {
  readonly key: Key;
  readonly value: TomlValue;
  readonly at: Place;
}

/** The settings that stand in the text of a file, kinds not checked yet, and an issue for every unknown key. */
export function readSettingsFile<Key extends string>(
  file: string,
  text: string,
  family: SettingsFamily<Key>,
): { readonly settings: readonly FileSetting<Key>[]; readonly issues: readonly Issue[] } {
  const parsed = parseToml(text);
  if (!parsed.ok) {
    const at = { file, line: parsed.line, column: parsed.column };
    const message = `this is not TOML (${parsed.message}), so none of ${family.owner}'s configuration can be read`;
    return { settings: [], issues: [issue("config-syntax", at, message, "correct the syntax here")] };
  }
  const places = new Places(file, text);
  const found: FileSetting<Key>[] = [];
  const issues: Issue[] = [];
  const isKey = (key: string): key is Key => Object.hasOwn(family.settings, key);
  for (const { key, value } of flatten(parsed.value, tableNamesOf(family))) {
    const at = places.of(key);
    if (isKey(key)) found.push({ key, value, at });
    else issues.push(unknownKey(key, at, family));
  }
  return { settings: found, issues };
}

function tableNamesOf({ settings }: SettingsFamily<string>): ReadonlySet<string> {
  const dotted = Object.keys(settings).filter((key) => key.includes("."));
  return new Set(dotted.map((key) => key.split(".")[0] ?? ""));
}

function* flatten(
  table: TomlTable,
  tableNames: ReadonlySet<string>,
  prefix = "",
): Generator<{ key: string; value: TomlValue }> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + encodeTomlKey(name);
    if (prefix === "" && tableNames.has(key) && isTomlTable(value))
      yield* flatten(value, tableNames, `${key}.`);
    else yield { key, value };
  }
}

function unknownKey(key: string, at: Place, family: SettingsFamily<string>): Issue {
  const keys = Object.keys(family.settings);
  const meant = closestName(key, [...tableNamesOf(family), ...keys]) ?? inAnotherTable(key, keys);
  const fix = meant === undefined ? family.hint : `did you mean "${meant}"?`;
  return issue(
    "config-unknown-key",
    at,
    `unknown key "${key}": ${family.owner} does not start with a setting it would ignore`,
    fix,
  );
}

function inAnotherTable(key: string, keys: readonly string[]): string | undefined {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return keys.find((known) => known.endsWith(`.${name}`) || known === name);
}

/** Finds where a dotted key stands: its own statement, or the inline table or header that holds it. */
class Places {
  readonly #file: string;
  readonly #byKey = new Map<string, Place>();

  constructor(file: string, text: string) {
    this.#file = file;
    for (const { kind, table, path, line, column } of scanToml(text)) {
      const key = encodeTomlPath(kind === "key-value" ? [...table, ...path] : path);
      if (!this.#byKey.has(key)) this.#byKey.set(key, { file, line, column });
    }
  }

  of(key: string): Place {
    let place = this.#byKey.get(key);
    for (let name = key; place === undefined && name.includes("."); ) {
      name = name.slice(0, name.lastIndexOf("."));
      place = this.#byKey.get(name);
    }
    return place ?? { file: this.#file, line: 1, column: 1 };
  }
}

function issue(code: string, at: Place, message: string, fix: string): Issue {
  return { code, severity: "error", at, message, fix };
}

import type { Issue, Place } from "../issue.ts";
import { encodeTomlKey, encodeTomlPath } from "../toml/encode-toml.ts";
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../toml/parse-toml.ts";
import { scanToml } from "../toml/scan-toml.ts";
import { closestName } from "./closest-name.ts";
import { isSettingKey, type SettingKey, settingKeys } from "./settings.ts";

export interface FileSetting {
  readonly key: SettingKey;
  readonly value: TomlValue;
  readonly at: Place;
}

/** The settings that stand in the text of agent.toml, kinds not checked yet, and an issue for every unknown key. */
export function readSettingsFile(
  file: string,
  text: string,
): { readonly settings: readonly FileSetting[]; readonly issues: readonly Issue[] } {
  const parsed = parseToml(text);
  if (!parsed.ok) {
    const at = { file, line: parsed.line, column: parsed.column };
    const message = `this is not TOML (${parsed.message}), so none of the agent's configuration can be read`;
    return { settings: [], issues: [issue("config-syntax", at, message, "correct the syntax here")] };
  }
  const places = new Places(file, text);
  const found: FileSetting[] = [];
  const issues: Issue[] = [];
  for (const { key, value } of flatten(parsed.value)) {
    const at = places.of(key);
    if (isSettingKey(key)) found.push({ key, value, at });
    else issues.push(unknownKey(key, at));
  }
  return { settings: found, issues };
}

const tableNames = new Set(
  settingKeys.filter((key) => key.includes(".")).map((key) => key.split(".")[0] ?? ""),
);

function* flatten(table: TomlTable, prefix = ""): Generator<{ key: string; value: TomlValue }> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + encodeTomlKey(name);
    if (prefix === "" && tableNames.has(key) && isTomlTable(value)) yield* flatten(value, `${key}.`);
    else yield { key, value };
  }
}

function unknownKey(key: string, at: Place): Issue {
  const meant = closestName(key, [...tableNames, ...settingKeys]) ?? inAnotherTable(key);
  const fix =
    meant === undefined
      ? "remove it; `mirrorlet agent --print-config` shows every key"
      : `did you mean "${meant}"?`;
  return issue(
    "config-unknown-key",
    at,
    `unknown key "${key}": the agent does not start with a setting it would ignore`,
    fix,
  );
}

function inAnotherTable(key: string): string | undefined {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return settingKeys.find((known) => known.endsWith(`.${name}`) || known === name);
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

import type { Issue, Place } from "../issue.ts";
import type { TomlValue } from "../toml/parse-toml.ts";
import { closestName } from "./closest-name.ts";
import { readSettingsFile } from "./read-settings-file.ts";
import type { SettingsFamily } from "./settings-family.ts";

/** Where a value came from. Later ones win: default, file, environment, flag. */
export type Origin =
  | { readonly from: "default" }
  | { readonly from: "file"; readonly at: Place }
  | { readonly from: "environment"; readonly name: string }
  | { readonly from: "flag"; readonly name: string };

export interface EffectiveSetting<Key extends string> {
  readonly key: Key;
  /** As it would stand in the file. */
  readonly toml: string;
  readonly origin: Origin;
}

/** Values from several places; the last one given for a key wins, so that they are to be given in order. */
export interface Merge<Key extends string> {
  readonly issues: Issue[];
  file(file: { readonly name: string; readonly text: string }): void;
  /** `names`: variable → key; others that begin with MIRRORLET_ are warned of, unless they are in `others`. */
  environment(
    env: Readonly<Record<string, string | undefined>>,
    names: ReadonlyMap<string, Key>,
    others: readonly string[] | "any",
  ): void;
  /** `key=value`, as given to `--set`. */
  flag(text: string): void;
  /** Of an option of its own. */
  option(key: Key, name: string, text: string): void;
  origin(key: Key): Origin;
  values(): Readonly<Record<Key, unknown>>;
  effective(): readonly EffectiveSetting<Key>[];
}

export function createMerge<Key extends string>(family: SettingsFamily<Key>): Merge<Key> {
  const { settings, file: fileName } = family;
  const keys = Object.keys(settings) as Key[];
  const issues: Issue[] = [];
  const given = new Map<Key, { readonly value: unknown; readonly origin: Origin }>();
  const isKey = (key: string): key is Key => Object.hasOwn(settings, key);
  const reject = (key: Key, shown: string, at: Place): void => {
    const { kind, sensitive } = settings[key];
    const got = sensitive ? "" : `, not ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`;
    const message = `"${key}" must be ${kind.expected}${got}`;
    issues.push({ code: "config-value", severity: "error", at, message, fix: "correct the value" });
  };
  const set = (key: Key, value: unknown, origin: Origin, shown: string): void => {
    if (value !== undefined) given.set(key, { value, origin });
    else reject(key, shown, placeOf(origin));
  };
  const setText = (key: Key, text: string, origin: Origin): void =>
    set(key, settings[key].kind.fromText(text), origin, describe(text));
  const effective = (key: Key): unknown => {
    const one = given.get(key);
    return one === undefined ? settings[key].fallback : one.value;
  };
  const origin = (key: Key): Origin => given.get(key)?.origin ?? { from: "default" };
  return {
    issues,
    origin,
    file({ name, text }) {
      const read = readSettingsFile(name, text, family);
      issues.push(...read.issues);
      for (const { key, value, at } of read.settings)
        set(key, settings[key].kind.fromToml(value), { from: "file", at }, describe(value));
    },
    environment(env, names, others) {
      const ours = Object.keys(env).filter(
        (name) => name.startsWith("MIRRORLET_") && env[name] !== undefined,
      );
      for (const name of ours.sort()) {
        const key = names.get(name);
        if (key !== undefined) setText(key, env[name] ?? "", { from: "environment", name });
        else if (others !== "any" && !others.includes(name))
          issues.push(unknownVariable(name, [...names.keys()]));
      }
    },
    flag(text) {
      const split = text.indexOf("=");
      const key = split === -1 ? text : text.slice(0, split);
      const from: Origin = { from: "flag", name: `--set ${key}` };
      if (isKey(key) && split !== -1) setText(key, text.slice(split + 1), from);
      else issues.push(unknownFlag(key, isKey(key), keys, fileName, placeOf(from)));
    },
    option: (key, name, text) => setText(key, text, { from: "flag", name }),
    values: () => Object.fromEntries(keys.map((key) => [key, effective(key)])) as Record<Key, unknown>,
    effective: () =>
      keys.map((key) => ({ key, toml: settings[key].kind.toToml(effective(key)), origin: origin(key) })),
  };
}

export function placeOf(origin: Origin): Place {
  if (origin.from === "file") return origin.at;
  return { file: origin.from === "default" ? "configuration" : origin.name, line: 0, column: 0 };
}

// Other programs may use our prefix too, so this warns only.
function unknownVariable(name: string, known: readonly string[]): Issue {
  const meant = closestName(name, known);
  return {
    code: "config-unknown-variable",
    severity: "warning",
    at: { file: name, line: 0, column: 0 },
    message: `the environment variable ${name} sets nothing`,
    fix: meant === undefined ? "unset it" : `did you mean ${meant}?`,
  };
}

function unknownFlag(key: string, isKnown: boolean, keys: readonly string[], file: string, at: Place): Issue {
  const meant = isKnown ? `${key}=VALUE` : closestName(key, keys);
  return {
    code: "config-unknown-key",
    severity: "error",
    at,
    message: isKnown ? `"${key}" has no value` : `unknown key "${key}"`,
    fix: meant === undefined ? `use --set KEY=VALUE with a key of ${file}` : `did you mean "${meant}"?`,
  };
}

function describe(value: TomlValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "this list";
  return typeof value === "object" ? "this table or date" : String(value);
}

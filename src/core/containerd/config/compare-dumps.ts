import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../../toml/parse-toml.ts";
import { criPlugins } from "./cri-section.ts";
import { tracingPlugins } from "./tracing-plugins.ts";

/**
 * Compares two outputs of `containerd config dump` and names the keys that differ and are not settings of ours:
 * config_path, mirrors and configs of CRI, and the receiver of traces. Values are left out, they may be secrets. Empty: nothing else
 * differs. A dump that is not TOML is named as such.
 */
export function compareDumps(before: string, after: string): readonly string[] {
  const left = parseToml(before);
  const right = parseToml(after);
  if (!left.ok) return [`the dump before is not TOML (line ${left.line}: ${left.message})`];
  if (!right.ok) return [`the dump after is not TOML (line ${right.line}: ${right.message})`];
  const differences: string[] = [];
  compareTables(left.value, right.value, [], differences);
  return differences;
}

/** The `registry.config_path` that a dump shows; undefined when it shows none. 2.2.2+ shows `""` for its default. */
export function effectiveConfigPath(dump: string): string | undefined {
  const parsed = parseToml(dump);
  if (!parsed.ok) return undefined;
  for (const plugin of [criPlugins.images, criPlugins.grpc, criPlugins.short]) {
    const value = valueAt(parsed.value, ["plugins", plugin, "registry", "config_path"]);
    if (typeof value === "string") return value;
  }
  return undefined;
}

function valueAt(from: TomlTable, path: readonly string[]): TomlValue | undefined {
  let value: TomlValue | undefined = from;
  for (const key of path) value = isTomlTable(value) ? value[key] : undefined;
  return value;
}

function compareTables(left: TomlTable, right: TomlTable, path: readonly string[], out: string[]): void {
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const at = [...path, key];
    const [a, b] = [left[key], right[key]];
    if (
      isRegistrySetting(at) ||
      isReceiver(at) ||
      (at.length === 1 && key === "imports" && isRenamedMain(a, b))
    )
      continue;
    // A table that only came to be for ours, such as an empty `registry`, says nothing.
    if ((isTomlTable(a) || a === undefined) && (isTomlTable(b) || b === undefined)) {
      compareTables(a ?? {}, b ?? {}, at, out);
    } else if (!isSame(a, b)) out.push(encodeTomlPath(at));
  }
}

function isRegistrySetting(path: readonly string[]): boolean {
  const [plugins, plugin, registry, key = ""] = path;
  const isCri = Object.values(criPlugins).some((name) => name === plugin);
  return (
    plugins === "plugins" &&
    isCri &&
    registry === "registry" &&
    ["config_path", "mirrors", "configs"].includes(key)
  );
}

function isReceiver([plugins, plugin, key]: readonly string[]): boolean {
  return plugins === "plugins" && plugin === tracingPlugins.exporter && key === "endpoint";
}

/** containerd 1.x dumps as `imports`, in any order, every file it loaded: the candidate goes by another name. */
function isRenamedMain(left: TomlValue | undefined, right: TomlValue | undefined): boolean {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
  return left.filter((item) => !right.includes(item)).length <= 1;
}

function isSame(left: TomlValue | undefined, right: TomlValue | undefined): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  }
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (isTomlTable(left) && isTomlTable(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].every((key) => isSame(left[key], right[key]));
  }
  return Object.is(left, right);
}

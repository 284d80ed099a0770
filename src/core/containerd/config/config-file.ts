import type { Place } from "../../issue.ts";
import { parseToml, startsWithBom } from "../../toml/parse-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import { buildConfigTree, type ConfigTable, getNode } from "./config-tree.ts";

/** A configuration file and its text, as read from the node. */
export interface ConfigSource {
  readonly path: string;
  readonly text: string;
}

/** One file after parsing. `schema` is its own `version`, 0 when it has none. */
export interface ConfigFile {
  readonly path: string;
  readonly root: ConfigTable;
  readonly schema: number;
}

/** What stops the daemon, in containerd's words as far as they are known. */
export interface Refusal {
  readonly kind: RefusalKind;
  readonly reason: string;
  readonly at: Place;
}

export type RefusalKind = "syntax" | "type" | "version" | "plugin-name" | "import" | "required-plugin";

/** A plugin in `disabled_plugins` or `required_plugins`, by the name that counts after migration. */
export interface ListedPlugin {
  readonly name: string;
  readonly at: Place;
}

/** Parses one file. Errors are what that containerd says of it. */
export function parseConfigFile(source: ConfigSource, traits: ContainerdTraits): ConfigFile | Refusal {
  const top = { file: source.path, line: 1, column: 1 };
  const parsed = parseToml(source.text);
  if (!parsed.ok)
    return {
      kind: "syntax",
      reason: parsed.message,
      at: { ...top, line: parsed.line, column: parsed.column },
    };
  if (startsWithBom(source.text) && traits.tomlLibrary === "go-toml-v2") {
    return {
      kind: "syntax",
      reason: "invalid character at start of key: U+00EF 'ï' (the file starts with a byte order mark)",
      at: top,
    };
  }
  const root = buildConfigTree(source.path, source.text, parsed.value);
  const version = getNode(root, ["version"], foldsCase(traits));
  if (version === undefined) return { path: source.path, root, schema: 0 };
  if (version.kind === "value" && Number.isInteger(version.value)) {
    return { path: source.path, root, schema: Number(version.value) };
  }
  return { kind: "type", reason: "version is not an integer", at: version.at };
}

/** go-toml v2 matches keys whatever their case. */
export function foldsCase(traits: ContainerdTraits): boolean {
  return traits.tomlLibrary === "go-toml-v2";
}

export function getTable(
  file: ConfigFile,
  path: readonly string[],
  traits: ContainerdTraits,
): ConfigTable | undefined {
  const [first = "", ...rest] = path;
  const node = getNode(getNode(file.root, [first], foldsCase(traits)), rest);
  return node?.kind === "table" ? node : undefined;
}

import type { Issue, Place } from "../../issue.ts";
import type { ContainerdTraits } from "../version.ts";
import type { ConfigFile } from "./config-file.ts";
import { type ConfigText, fullPath, startsWithPath } from "./config-text.ts";
import type { ConfigTable } from "./config-tree.ts";
import type { ConfigEditRequest } from "./plan-config-edit.ts";
import { toOwnedTables } from "./wanted-registries.ts";

/** What keeps this wish from being written into this file, before anything is tried. */
export function checkEditable(
  { wanted, path }: ConfigEditRequest,
  file: ConfigFile,
  config: ConfigText,
  section: readonly string[],
  traits: ContainerdTraits,
): readonly Issue[] {
  const top = { file: path, line: 1, column: 1 };
  const issues: Issue[] = [...findOddCase(file.root, section, traits)];
  const arrayTable = config.statements.find(
    ({ kind, path: own }) => kind === "array-table" && startsWithPath(section, own),
  );
  if (arrayTable !== undefined) {
    const at = { file: path, line: arrayTable.line, column: arrayTable.column };
    issues.push(
      error(
        "containerd-config-unreadable",
        at,
        `${fullPath(arrayTable).join(".")} is a list of tables`,
        "write it with single brackets",
      ),
    );
  }
  if (wanted.style === "certs.d" && (wanted.configPath.includes(":") || !wanted.configPath.startsWith("/"))) {
    const message = `config_path must be one absolute directory, not "${wanted.configPath}": containerd 2.1+ takes a list for the name of one directory and then reads no hosts.toml`;
    issues.push(
      error("containerd-config-path-list", top, message, "name a single directory as certs_d in agent.toml"),
    );
  }
  if (wanted.style === "legacy" && wanted.tls.length > 0 && !traits.readsLegacyTls) {
    const message =
      "containerd 2.x does not read registry.configs.*.tls, so mirrors with a private CA would fail their TLS check";
    issues.push(error("containerd-config-legacy-tls", top, message, 'set style = "certs.d" in agent.toml'));
  }
  const unwritable = traits.tomlLibrary === "go-toml-v1" ? toOwnedTables(wanted).find(hasBracket) : undefined;
  if (unwritable !== undefined) {
    const message = `containerd 1.x cannot read "${unwritable.path[1]}" in a table header, because of its brackets`;
    issues.push(error("containerd-config-ipv6-literal", top, message, "give the host a name"));
  }
  return issues;
}

function hasBracket({ path }: { readonly path: readonly string[] }): boolean {
  return path.some((key) => /[\][\\"\p{Cc}]/u.test(key));
}

/** go-toml v2 reads `Config_Path` too; a second spelling beside it would leave open which one wins. */
function findOddCase(
  root: ConfigTable,
  section: readonly string[],
  traits: ContainerdTraits,
): readonly Issue[] {
  if (traits.tomlLibrary === "go-toml-v1") return [];
  const [plugins = "", plugin = "", registry = ""] = section;
  const pluginsTable = root.entries.get(plugins);
  const pluginTable = pluginsTable?.kind === "table" ? pluginsTable.entries.get(plugin) : undefined;
  const registryTable = pluginTable?.kind === "table" ? pluginTable.entries.get(registry) : undefined;
  return [
    ...oddKeys(root, ["plugins", "version", "imports"]),
    ...(pluginTable?.kind === "table" ? oddKeys(pluginTable, ["registry"]) : []),
    ...(registryTable?.kind === "table" ? oddKeys(registryTable, ["config_path", "mirrors", "configs"]) : []),
  ];
}

function oddKeys(table: ConfigTable, names: readonly string[]): readonly Issue[] {
  return [...table.entries].flatMap(([key, { at }]) => {
    if (names.includes(key) || !names.includes(key.toLowerCase())) return [];
    const message = `containerd 2.x reads "${key}" as "${key.toLowerCase()}", so an edit beside it would be ambiguous`;
    return [error("containerd-config-key-case", at, message, "write it in lower case")];
  });
}

function error(code: string, at: Place, message: string, fix: string): Issue {
  return { code, severity: "error", at, message, fix };
}

import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../../toml/parse-toml.ts";
import { type ContainerdVersion, traitsOf } from "../version.ts";
import { chooseSection } from "./choose-section.ts";
import { parseConfigFile } from "./config-file.ts";
import { type ConfigText, openConfigText } from "./config-text.ts";
import { listOwnedPaths } from "./owned-tables.ts";
import type { WantedRegistries } from "./wanted-registries.ts";

/** What the text of one config.toml says of registries. */
export interface RegistryOf {
  readonly config: ConfigText;
  readonly section: readonly string[];
  readonly registry: TomlTable;
  readonly configPath: string | undefined;
}

/** Undefined: it is not TOML that containerd could read. */
export function readRegistry(path: string, text: string, version: ContainerdVersion): RegistryOf | undefined {
  const traits = traitsOf(version);
  const file = parseConfigFile({ path, text }, traits);
  const document = parseToml(text);
  if ("reason" in file || !document.ok) return undefined;
  // Imports are not at hand: the file's own version decides, as it does wherever versions are not mixed.
  const schema =
    file.schema < 2 && traits.importsReplacePluginTables ? 1 : file.schema || traits.maxConfigVersion;
  const section = chooseSection(file, schema, traits);
  const registry = tableAt(document.value, section) ?? {};
  const configPath = ownValue(registry, "config_path");
  return {
    config: openConfigText(text),
    section,
    registry,
    configPath: typeof configPath === "string" ? configPath : undefined,
  };
}

/** What an edit of ours must have been asked for, to leave this text. */
export function readWanted({ config, section, registry, configPath }: RegistryOf): WantedRegistries {
  const owned = listOwnedPaths(config, section);
  const text = (path: readonly string[], key: string): string =>
    String(ownValue(tableAt(registry, path), key) ?? "");
  const member = (group: string, leaf?: string) =>
    owned
      .filter((path) => path[0] === group && path[2] === leaf)
      .map((path) => ({ path, name: path[1] ?? "" }));
  const auths = member("configs", "auth").map(({ path, name }) => {
    return { host: name, username: text(path, "username"), password: text(path, "password") };
  });
  const mirrors = member("mirrors").map(({ path, name }) => {
    const endpoints = ownValue(tableAt(registry, path), "endpoint");
    return { namespace: name, endpoints: Array.isArray(endpoints) ? endpoints.map(String) : [] };
  });
  const tls = member("configs", "tls").map(({ path, name }) => {
    const optional = (field: string, key: string) =>
      text(path, key) === "" ? {} : { [field]: text(path, key) };
    const insecure = ownValue(tableAt(registry, path), "insecure_skip_verify") === true;
    const files = {
      ...optional("caFile", "ca_file"),
      ...optional("certFile", "cert_file"),
      ...optional("keyFile", "key_file"),
    };
    return { host: name, ...files, ...(insecure ? { insecureSkipVerify: true } : {}) };
  });
  if (mirrors.length > 0 || tls.length > 0 || !configPath) return { style: "legacy", mirrors, tls, auths };
  return { style: "certs.d", configPath, auths };
}

export function tableAt(from: TomlTable | undefined, path: readonly string[]): TomlTable | undefined {
  let value: TomlValue | undefined = from;
  for (const key of path) value = isTomlTable(value) ? ownValue(value, key) : undefined;
  return isTomlTable(value) ? value : undefined;
}

function ownValue(table: TomlTable | undefined, key: string): TomlValue | undefined {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

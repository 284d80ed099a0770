import { criPlugins } from "../../containerd/config/cri-section.ts";
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from "../../toml/parse-toml.ts";

/** The registry settings in an output of `containerd config dump`, without secrets, or its refusal. */
export type DumpedRegistry =
  | { readonly ok: true; readonly configPath: string; readonly mirrors: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Undefined: it is not TOML, or shows no CRI plugin. */
export function readDump(toml: string): DumpedRegistry | undefined {
  const parsed = parseToml(toml);
  if (!parsed.ok) return undefined;
  const sections = [criPlugins.images, criPlugins.grpc, criPlugins.short].flatMap((plugin) => {
    const section = valueAt(parsed.value, ["plugins", plugin, "registry"]);
    return isTomlTable(section) ? [section] : [];
  });
  const [registry] = sections;
  if (registry === undefined) return undefined;
  const { config_path: path, mirrors } = registry;
  return {
    ok: true,
    configPath: typeof path === "string" ? path : "",
    mirrors: isTomlTable(mirrors) ? Object.keys(mirrors) : [],
  };
}

function valueAt(from: TomlTable, path: readonly string[]): TomlValue | undefined {
  let value: TomlValue | undefined = from;
  for (const key of path) value = isTomlTable(value) ? value[key] : undefined;
  return value;
}

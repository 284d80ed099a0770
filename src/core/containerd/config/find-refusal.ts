import type { Place } from "../../issue.ts";
import type { ContainerdTraits } from "../version.ts";
import { type ConfigFile, foldsCase, getTable, type ListedPlugin, type Refusal } from "./config-file.ts";
import { type ConfigNode, getNode } from "./config-tree.ts";

/** Plugins that are named, besides those with a table. */
interface PluginLists {
  readonly disabled: readonly ListedPlugin[];
  readonly required: readonly ListedPlugin[];
}

/** The first thing in files that parse which keeps the daemon from starting. `schema`: the version in force. */
export function findRefusal(
  files: readonly ConfigFile[],
  schema: number,
  lists: PluginLists,
  traits: ContainerdTraits,
): Refusal | undefined {
  return (
    findShapeRefusal(files, traits) ??
    findVersionRefusal(files, schema, traits) ??
    findNameRefusal(files, schema, lists, traits)
  );
}

function findShapeRefusal(files: readonly ConfigFile[], traits: ContainerdTraits): Refusal | undefined {
  for (const { root } of files) {
    const plugins = getNode(root, ["plugins"], foldsCase(traits));
    if (plugins?.kind === "value") return { kind: "type", reason: "plugins is not a table", at: plugins.at };
    for (const key of ["imports", "disabled_plugins", "required_plugins"]) {
      const list = getNode(root, [key], foldsCase(traits));
      if (list !== undefined && !isStrings(list))
        return { kind: "type", reason: `${key} is not a list of strings`, at: list.at };
    }
  }
  return undefined;
}

function isStrings(node: ConfigNode): boolean {
  return (
    node.kind === "value" && Array.isArray(node.value) && node.value.every((item) => typeof item === "string")
  );
}

function findVersionRefusal(
  files: readonly ConfigFile[],
  schema: number,
  traits: ContainerdTraits,
): Refusal | undefined {
  const placeOfVersion = (file: ConfigFile): Place =>
    getNode(file.root, ["version"], true)?.at ?? file.root.at;
  const tooNew = files.findLast((file) => file.schema > traits.maxConfigVersion);
  if (
    tooNew !== undefined &&
    traits.refusesNewerConfig &&
    (schema === tooNew.schema || traits.migratesEachFile)
  ) {
    const reason = traits.importsReplacePluginTables
      ? `unsupported config version \`${tooNew.schema}\`, the max version is \`${traits.maxConfigVersion}\``
      : `expected containerd config version equal to or less than \`${traits.maxConfigVersion}\`, got \`${tooNew.schema}\``;
    return { kind: "version", reason, at: placeOfVersion(tooNew) };
  }
  if (traits.migratesEachFile) {
    const main = files.find((file) => file.schema > 0);
    const higher = main && files.find((file) => file.schema > main.schema);
    const reason = `drop-in config version ${higher?.schema} higher than root config version ${main?.schema}`;
    return higher && { kind: "version", reason, at: placeOfVersion(higher) };
  }
  return undefined;
}

// Short names belong to version 1, where 1.x takes any; 2.x has given them their full name by now.
function findNameRefusal(
  files: readonly ConfigFile[],
  schema: number,
  { disabled, required }: PluginLists,
  traits: ContainerdTraits,
): Refusal | undefined {
  if (traits.importsReplacePluginTables && schema < 2) return undefined;
  const keys = traits.importsReplacePluginTables ? files.flatMap((file) => listKeys(file, traits)) : [];
  const named = [
    ...disabled.map((plugin) => ({ ...plugin, what: "disabled plugin URI" })),
    ...required.map((plugin) => ({ ...plugin, what: "required plugin URI" })),
    ...keys.map((plugin) => ({ ...plugin, what: "plugin key URI" })),
  ];
  const wrong = named.find(({ name }) => !isPluginUri(name, traits));
  if (wrong === undefined) return undefined;
  const reason = `invalid ${wrong.what} "${wrong.name}" expect io.containerd.x.vx`;
  return { kind: "plugin-name", reason, at: wrong.at };
}

function listKeys(file: ConfigFile, traits: ContainerdTraits): readonly ListedPlugin[] {
  return [...(getTable(file, ["plugins"], traits)?.entries ?? [])].map(([name, { at }]) => ({ name, at }));
}

function isPluginUri(name: string, traits: ContainerdTraits): boolean {
  if (!traits.importsReplacePluginTables) return name.includes(".");
  return name.split(".").length >= 4 && (!traits.refusesNewerConfig || name.startsWith("io.containerd."));
}

import type { Place } from "../../issue.ts";
import { parseToml, startsWithBom } from "../../toml/parse-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import {
  buildConfigTree,
  type ConfigNode,
  type ConfigTable,
  getNode,
  mergeTables,
  withEntries,
} from "./config-tree.ts";
import { criPlugins } from "./cri-section.ts";
import type { CriTables } from "./find-cri-refusal.ts";

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

/** The configuration after imports and migrations, as far as CRI's registry settings go. */
export interface MergedConfig {
  readonly files: readonly ConfigFile[];
  /** The `version` in force. */
  readonly schema: number;
  /** CRI's image settings, keys named as in `io.containerd.cri.v1.images`; undefined: all defaults. */
  readonly cri: ConfigTable | undefined;
  /** CRI's other settings. */
  readonly criTables: CriTables;
  readonly disabledPlugins: readonly ListedPlugin[];
  readonly requiredPlugins: readonly ListedPlugin[];
  readonly refusal?: Refusal;
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

/** Merges the main file and its imports (in the order containerd loads them) the way that containerd does. */
export function mergeConfig(sources: readonly ConfigSource[], traits: ContainerdTraits): MergedConfig {
  const files: ConfigFile[] = [];
  for (const source of sources) {
    const file = parseConfigFile(source, traits);
    if ("reason" in file) return { files, ...NOTHING, refusal: file };
    files.push(file);
  }
  const merged = traits.importsReplacePluginTables ? mergeByPlugin(files, traits) : mergeDeep(files, traits);
  const disabledPlugins = listPlugins("disabled_plugins", files, traits);
  const requiredPlugins = listPlugins("required_plugins", files, traits);
  const refusal =
    findShapeRefusal(files, traits) ??
    findVersionRefusal(files, merged.schema, traits) ??
    findNameRefusal(files, merged.schema, { disabled: disabledPlugins, required: requiredPlugins }, traits);
  return {
    files,
    ...merged,
    disabledPlugins,
    requiredPlugins,
    ...(refusal && { refusal }),
  };
}

const NOTHING = {
  schema: 0,
  cri: undefined,
  criTables: { server: undefined, runtime: undefined },
  disabledPlugins: [],
  requiredPlugins: [],
} as const;

type Merged = Pick<MergedConfig, "schema" | "cri" | "criTables">;

function mergeByPlugin(files: readonly ConfigFile[], traits: ContainerdTraits): Merged {
  const schema = files.reduce((last, file) => (file.schema === 0 ? last : file.schema), 1);
  const name = schema < 2 ? criPlugins.short : criPlugins.grpc;
  const section = files
    .map((file) => getTable(file, ["plugins", name], traits))
    .findLast((table) => table !== undefined);
  const criTables = { server: section, runtime: section };
  return { schema, cri: section && toImageSettings(undefined, section), criTables };
}

function mergeDeep(files: readonly ConfigFile[], traits: ContainerdTraits): Merged {
  let schema: number = traits.maxConfigVersion;
  let plugins: ConfigTable | undefined;
  for (const file of files) {
    let own = getTable(file, ["plugins"], traits);
    if (file.schema < 2) own = own && renameShortPlugin(own);
    else schema = file.schema;
    if (traits.migratesEachFile && file.schema < 3) own = own && migrateCriTable(own);
    plugins = own === undefined ? plugins : mergeTables(plugins, own);
  }
  if (traits.migratesEachFile) schema = Math.max(schema, traits.maxConfigVersion);
  else if (schema < 3) plugins = plugins && migrateCriTable(plugins);
  const tableOf = (name: string): ConfigTable | undefined => {
    const node = plugins?.entries.get(name);
    return node?.kind === "table" ? node : undefined;
  };
  const criTables = { server: tableOf(criPlugins.grpc), runtime: tableOf(CRI_RUNTIME) };
  return { schema, cri: tableOf(criPlugins.images), criTables };
}

const CRI_RUNTIME = "io.containerd.cri.v1.runtime";

function renameShortPlugin(plugins: ConfigTable): ConfigTable {
  const short = plugins.entries.get(criPlugins.short);
  return short === undefined ? plugins : withEntries(plugins, [[criPlugins.grpc, short]]);
}

function migrateCriTable(plugins: ConfigTable): ConfigTable {
  const grpc = plugins.entries.get(criPlugins.grpc);
  const images = plugins.entries.get(criPlugins.images);
  if (grpc?.kind !== "table") return plugins;
  const containerd = grpc.entries.get("containerd");
  const runtime = plugins.entries.get(CRI_RUNTIME);
  const under: ConfigTable =
    runtime?.kind === "table" ? runtime : { kind: "table", at: grpc.at, entries: new Map() };
  return withEntries(plugins, [
    [criPlugins.images, toImageSettings(images?.kind === "table" ? images : undefined, grpc)],
    [CRI_RUNTIME, withEntries(under, entryOf(containerd, "containerd"))],
  ]);
}

// What containerd 2.x copies from the old CRI table, and from its `containerd` table, into the images table.
const copied = [
  "registry",
  "max_concurrent_downloads",
  "image_pull_progress_timeout",
  "image_pull_with_sync_fs",
];
const copiedFromRuntime = ["snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers"];

function toImageSettings(images: ConfigTable | undefined, grpc: ConfigTable): ConfigTable {
  const entries: [string, ConfigNode][] = [];
  for (const key of copied) entries.push(...entryOf(grpc.entries.get(key), key));
  for (const key of copiedFromRuntime) entries.push(...entryOf(getNode(grpc, ["containerd", key]), key));
  const sandbox = grpc.entries.get("sandbox_image");
  const pinned = images?.entries.get("pinned_images");
  if (sandbox !== undefined) {
    const under = pinned?.kind === "table" ? pinned : { kind: "table", at: sandbox.at, entries: new Map() };
    entries.push(["pinned_images", withEntries(under as ConfigTable, [["sandbox", sandbox]])]);
  }
  return withEntries(images ?? { kind: "table", at: grpc.at, entries: new Map() }, entries);
}

function entryOf(node: ConfigNode | undefined, key: string): [string, ConfigNode][] {
  return node === undefined ? [] : [[key, node]];
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

interface PluginLists {
  readonly disabled: readonly ListedPlugin[];
  readonly required: readonly ListedPlugin[];
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

function listPlugins(
  key: "disabled_plugins" | "required_plugins",
  files: readonly ConfigFile[],
  traits: ContainerdTraits,
): readonly ListedPlugin[] {
  return files.flatMap(({ root, schema }) => {
    const list = getNode(root, [key], foldsCase(traits));
    if (list?.kind !== "value" || !Array.isArray(list.value)) return [];
    const migrates = !traits.importsReplacePluginTables && schema < 2;
    return list.value
      .filter((name) => typeof name === "string")
      .map((name) => ({ name: migrates ? fullPluginName(name) : name, at: list.at }));
  });
}

/** As containerd 2.x reads the short names of version 1; which `x.v1` it is matters for CRI alone. */
function fullPluginName(name: string): string {
  if (name.includes(".")) return name;
  return name === criPlugins.short ? criPlugins.grpc : `io.containerd.grpc.v1.${name}`;
}

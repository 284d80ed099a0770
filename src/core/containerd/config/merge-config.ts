import type { ContainerdTraits } from "../version.ts";
import {
  type ConfigFile,
  type ConfigSource,
  foldsCase,
  getTable,
  type ListedPlugin,
  parseConfigFile,
  type Refusal,
} from "./config-file.ts";
import { type ConfigNode, type ConfigTable, getNode, mergeTables, withEntries } from "./config-tree.ts";
import { criPlugins } from "./cri-section.ts";
import type { CriTables } from "./find-cri-refusal.ts";
import { findRefusal } from "./find-refusal.ts";

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
  const lists = { disabled: disabledPlugins, required: requiredPlugins };
  const refusal = findRefusal(files, merged.schema, lists, traits);
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

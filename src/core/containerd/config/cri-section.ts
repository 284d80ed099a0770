import type { ContainerdTraits } from "../version.ts";

/** The plugin tables that have held CRI's registry settings, oldest first. */
export const criPlugins = {
  short: "cri",
  grpc: "io.containerd.grpc.v1.cri",
  images: "io.containerd.cri.v1.images",
} as const;

export type CriPlugin = (typeof criPlugins)[keyof typeof criPlugins];

/**
 * The plugin tables of one file that feed CRI's registry settings. The first that has a `registry` wins whole.
 * `fileSchema` is the file's own `version` (0: it has none), `schema` the one in force after all imports.
 */
export function feedingPlugins(
  fileSchema: number,
  schema: number,
  traits: ContainerdTraits,
): readonly CriPlugin[] {
  const { short, grpc, images } = criPlugins;
  if (traits.importsReplacePluginTables) return schema < 2 ? [short] : [grpc];
  const decisive = traits.migratesEachFile ? fileSchema : schema;
  if (decisive >= 3) return [images];
  if (traits.migratesEachFile && fileSchema < 2) return [short, grpc, images];
  return fileSchema < 2 ? [short, grpc, images] : [grpc, images];
}

/** Why containerd does not look at `plugin` in a file of this schema. */
export function explainIgnored(plugin: CriPlugin, schema: number, traits: ContainerdTraits): string {
  if (traits.importsReplacePluginTables) {
    if (schema < 2)
      return "a configuration without `version = 2` is read by short plugin names, as [plugins.cri]";
    return plugin === criPlugins.images
      ? "containerd 1.x does not know this section; it belongs to version 3 of the file and containerd 2.x"
      : `version 2 of the file is read from [plugins."${criPlugins.grpc}"]`;
  }
  return `in a version ${schema} configuration CRI's registry settings are read from [plugins."${criPlugins.images}"]; containerd only warns "Ignoring unknown key"`;
}

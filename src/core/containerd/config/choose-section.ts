import type { ContainerdTraits } from "../version.ts";
import { type ConfigFile, getTable } from "./config-file.ts";
import { feedingPlugins } from "./cri-section.ts";

/**
 * Path of the registry table that this containerd reads in this file: where it is, else where it belongs.
 * `schema` is the version in force after all imports.
 */
export function chooseSection(file: ConfigFile, schema: number, traits: ContainerdTraits): readonly string[] {
  const feeding = feedingPlugins(file.schema, schema, traits);
  const has = (path: readonly string[]): boolean => getTable(file, path, traits) !== undefined;
  const plugin =
    feeding.find((name) => has(["plugins", name, "registry"])) ??
    feeding.find((name) => has(["plugins", name])) ??
    // Where the short name is read along with the full one, new sections take the full one.
    feeding.find((name) => feeding.length === 1 || name.includes(".")) ??
    feeding[0];
  return ["plugins", plugin ?? "", "registry"];
}

import { encodeTomlPath } from "../../toml/encode-toml.ts";
import type { IgnoredSection } from "../registry-config.ts";
import type { ContainerdTraits } from "../version.ts";
import { type ConfigFile, getTable } from "./config-file.ts";
import { type ConfigTable, getNode } from "./config-tree.ts";
import { type CriPlugin, criPlugins, explainIgnored, feedingPlugins } from "./cri-section.ts";
import { findReplaced } from "./find-replaced.ts";
import type { MergedConfig } from "./merge-config.ts";

/** Registry sections that this containerd does not read, with the reason. */
export function findIgnored(merged: MergedConfig, traits: ContainerdTraits): readonly IgnoredSection[] {
  const sections = [
    ...merged.files.flatMap((file) => findUnread(file, merged, traits)),
    ...findReplacedRegistries(merged, traits),
  ];
  return traits.readsLegacyTls ? sections : [...sections, ...findUnreadTls(merged)];
}

function findUnreadTls({ cri }: MergedConfig): readonly IgnoredSection[] {
  const configs = getNode(cri, ["registry", "configs"], true);
  if (configs?.kind !== "table") return [];
  return [...configs.entries].flatMap(([host, node]) => {
    const tls = getNode(node, ["tls"], true);
    const section = encodeTomlPath(["registry", "configs", host, "tls"]);
    return tls === undefined
      ? []
      : [
          {
            section,
            cause: "tls" as const,
            at: tls.at,
            content: tls,
            reason: "containerd 2.x has no TLS settings here; they belong into the host's hosts.toml",
          },
        ];
  });
}

function findUnread(
  file: ConfigFile,
  merged: MergedConfig,
  traits: ContainerdTraits,
): readonly IgnoredSection[] {
  const feeding = feedingPlugins(file.schema, merged.schema, traits);
  const winner = feeding.find((plugin) => registryOf(file, plugin, traits) !== undefined);
  return Object.values(criPlugins).flatMap((plugin) => {
    const registry = registryOf(file, plugin, traits);
    if (registry === undefined || plugin === winner) return [];
    const reason = feeding.includes(plugin)
      ? `[${nameOf(winner ?? plugin)}] of the same file replaces it when containerd migrates the file`
      : explainIgnored(plugin, merged.schema, traits);
    return [{ section: nameOf(plugin), cause: "unread", at: registry.at, reason, content: registry }];
  });
}

function findReplacedRegistries(merged: MergedConfig, traits: ContainerdTraits): readonly IgnoredSection[] {
  return findReplaced(merged, traits).flatMap(({ plugin, table, by }): readonly IgnoredSection[] => {
    const registry = getNode(table, ["registry"]);
    if (registry?.kind !== "table") return [];
    const section = encodeTomlPath(["plugins", plugin, "registry"]);
    const reason = `containerd 1.x takes the whole [${encodeTomlPath(["plugins", plugin])}] of ${by.path} instead`;
    return [{ section, cause: "replaced", at: registry.at, reason, content: registry }];
  });
}

function registryOf(file: ConfigFile, plugin: CriPlugin, traits: ContainerdTraits): ConfigTable | undefined {
  return getTable(file, ["plugins", plugin, "registry"], traits);
}

function nameOf(plugin: CriPlugin): string {
  return encodeTomlPath(["plugins", plugin, "registry"]);
}

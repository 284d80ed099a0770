import { chooseSection } from "../../containerd/config/choose-section.ts";
import { criPlugins } from "../../containerd/config/cri-section.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { atFile, atPath, type FindingPlace } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** What makes containerd read config.toml again; it reads it at its start only. */
export const RESTART = "restart containerd";

/** The header of the table that this containerd reads CRI's registry settings from in config.toml. */
export function registryHeader({ merged, traits }: NodeView): string {
  const [main] = merged.files;
  const plugin = traits.importsReplacePluginTables ? criPlugins.grpc : criPlugins.images;
  const path =
    main === undefined ? ["plugins", plugin, "registry"] : chooseSection(main, merged.schema, traits);
  return `[${encodeTomlPath(path)}]`;
}

export function placeOfConfigPath({ config, configFile }: NodeView): FindingPlace {
  return config.configPathWritten === undefined ? atPath(configFile) : atFile(config.configPathWritten.at);
}

/** `set config_path = "/etc/…" under [plugins…registry] in /etc/containerd/config.toml and restart containerd`. */
export function setConfigPath(directory: string, view: NodeView): string {
  const value = JSON.stringify(directory);
  const { configPathWritten: written } = view.config;
  if (written !== undefined) {
    const { file, line } = written.at;
    return `set config_path = ${value} in line ${line} of ${file} and ${RESTART}`;
  }
  return `set config_path = ${value} under ${registryHeader(view)} in ${view.configFile} and ${RESTART}`;
}

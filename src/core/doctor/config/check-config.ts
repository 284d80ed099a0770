import { atFile, atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** What config.toml and its imports have wrong. */
export function checkConfig(view: NodeView): readonly Finding[] {
  return [...checkConfigPath(view)];
}

function checkConfigPath({ config, configFile, version }: NodeView): readonly Finding[] {
  const { configPath, configPathWritten, pullMode } = config;
  if (pullMode !== "transfer" || !configPath.includes(":")) return [];
  const isDefault = configPathWritten?.value !== configPath;
  return [
    {
      code: "config-path-list",
      severity: "error",
      where: configPathWritten === undefined ? atPath(configFile) : atFile(configPathWritten.at),
      fact: isDefault
        ? `config_path is not set, and the default of containerd ${version.text}, ${configPath}, is taken for the name of one directory`
        : `config_path = ${JSON.stringify(configPath)} is taken for the name of one directory`,
      consequence: "no hosts.toml is read, so every pull goes straight to its own registry",
      fix: `set config_path = "/etc/containerd/certs.d" in ${configFile} and restart containerd`,
    },
  ];
}

/** What config.toml and its imports can have wrong. Title of each. */
export const CONFIG_FINDINGS = {
  "config-path-list": "config_path is a list, which this containerd takes for the name of one directory",
  "config-path-unset": "config_path is not set, so that no hosts.toml is read",
} as const;

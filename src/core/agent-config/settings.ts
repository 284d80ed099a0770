import {
  absolutePath,
  boolean,
  booleanOrAuto,
  choice,
  duration,
  integer,
  listenAddress,
  loopbackAddress,
  nodeLabels,
  nodeName,
  optionalListenAddress,
  optionalName,
  optionalPath,
  optionalPeer,
  programName,
  publicKeys,
  type SettingKind,
  textList,
} from "./setting-kinds.ts";
import type { Setting } from "./settings-family.ts";

const second = 1000;
const day = 86_400 * second;

/** Every key of agent.toml by its dotted name. Order is the order of `agent --print-config`. */
export const settings = {
  desired_state: setting(absolutePath, "/etc/mirrorlet/desired-state.yaml"),
  secrets_dir: setting(absolutePath, "/etc/mirrorlet/secrets"),
  pull_secret: sensitive(optionalPath, ""),
  state_dir: setting(absolutePath, "/var/lib/mirrorlet"),
  style: setting(choice("certs.d", "legacy"), "certs.d"),
  credentials: setting(choice("auto", "header", "cri"), "auto"),
  preflight: setting(choice("warn", "strict", "off"), "warn"),
  resync: setting(duration(100, day), 300 * second),
  helper: setting(optionalPath, ""),
  helper_state: setting(absolutePath, "/var/lib/mirrorlet-helper"),

  "containerd.config": setting(absolutePath, "/etc/containerd/config.toml"),
  "containerd.certs_d": setting(absolutePath, "/etc/containerd/certs.d"),
  "containerd.socket": setting(absolutePath, "/run/containerd/containerd.sock"),
  "containerd.binary": setting(programName, "containerd"),
  "containerd.restart": setting(
    textList('a command as a list, such as ["systemctl", "restart", "containerd.service"]', isCommand),
    ["systemctl", "restart", "containerd.service"],
  ),
  "containerd.environment_file": setting(optionalPath, ""),

  "http.address": setting(listenAddress, "127.0.0.1:9478"),
  "http.metrics_address": setting(optionalListenAddress, ""),
  "http.allowed_hosts": setting(textList("a list of host names", isHostNames), []),

  "evidence.traces": setting(booleanOrAuto, "auto"),
  "evidence.witness": setting(boolean, true),
  "evidence.witness_address": setting(loopbackAddress, "127.0.0.1:478"),
  "evidence.canary_interval": setting(duration(second, 7 * day), 300 * second),
  "evidence.probe_interval": setting(duration(second, 7 * day), 30 * second),

  "feed.address": setting(optionalPeer, ""),
  "feed.ca": setting(optionalPath, ""),
  "feed.cert": setting(optionalPath, ""),
  "feed.key": sensitive(optionalPath, ""),
  "feed.unsigned": setting(boolean, false),

  "trust.keys": setting(publicKeys, []),
  "trust.threshold": setting(integer(1, 64), 1),
  "trust.unsigned_files": setting(boolean, false),

  "node.id": setting(optionalName, ""),
  "node.fleet": setting(optionalName, ""),
  "node.channel": setting(nodeName, "stable"),
  "node.labels": setting(nodeLabels, []),

  "log.level": setting(choice("debug", "info", "warn", "error"), "info"),
} as const;

export type SettingKey = keyof typeof settings;

/** The value of every setting, by key. */
export type SettingValues = {
  readonly [Key in SettingKey]: (typeof settings)[Key] extends Setting<infer T> ? T : never;
};

export const settingKeys = Object.keys(settings) as readonly SettingKey[];

/** `MIRRORLET_CONTAINERD_CERTS_D` for `containerd.certs_d`. */
export function environmentName(key: SettingKey): string {
  return `MIRRORLET_${key.replace(".", "_").toUpperCase()}`;
}

function setting<T>(kind: SettingKind<T>, fallback: NoInfer<T>): Setting<T> {
  return { kind, fallback, sensitive: false };
}

function sensitive<T>(kind: SettingKind<T>, fallback: NoInfer<T>): Setting<T> {
  return { kind, fallback, sensitive: true };
}

function isCommand(words: readonly string[]): boolean {
  return words[0] !== undefined && words.every((word) => word !== "") && !words[0].startsWith("-");
}

function isHostNames(names: readonly string[]): boolean {
  return names.every((name) => /^[A-Za-z0-9.-]{1,253}$|^\[[0-9A-Fa-f:.]{2,45}\]$/.test(name));
}

import type { SettingKind } from "../agent-config/setting-kinds.ts";
import {
  absolutePath,
  boolean,
  choice,
  integer,
  listenAddress,
  optionalName,
  optionalPath,
  textKind,
  textList,
} from "../agent-config/setting-kinds.ts";
import type { Setting, SettingsFamily } from "../agent-config/settings-family.ts";

/** Its form is looked at by whoever opens it. */
const engineAddress = textKind(
  "etcd://HOST:PORT,HOST:PORT…, or journal:/DIRECTORY for the processes of one machine",
  (text) => text === "" || /^(?:etcd:\/\/|journal:\/)./.test(text),
);

const userName = textKind('a user of etcd, or "" for none', (text) => text.length <= 256);

/** Every key of feed.toml by its dotted name. */
const settings = {
  /** The fleet that is served; its name stands in what is signed for it. */
  fleet: setting(optionalName, ""),
  engine: setting(engineAddress, ""),
  /** Whether this server takes part in electing the fleet's controller. */
  controller: setting(boolean, true),

  "etcd.ca": setting(optionalPath, ""),
  "etcd.cert": setting(optionalPath, ""),
  "etcd.key": sensitive(optionalPath, ""),
  "etcd.user": setting(userName, ""),
  "etcd.password_file": sensitive(optionalPath, ""),

  "feed.address": setting(listenAddress, "0.0.0.0:9479"),
  /** Who signs the certificates of nodes. */
  "feed.ca": setting(absolutePath, "/etc/mirrorlet/feed/ca.pem"),
  "feed.cert": setting(absolutePath, "/etc/mirrorlet/feed/cert.pem"),
  "feed.key": sensitive(absolutePath, "/etc/mirrorlet/feed/key.pem"),
  /** Node ids and serial numbers of certificates that are turned away, one a line; it may be missing. */
  "feed.denied": setting(absolutePath, "/etc/mirrorlet/feed/denied"),
  /** `prod` of spiffe://prod/node/n1; "": as the fleet is called. */
  "feed.trust_domain": setting(optionalName, ""),
  "feed.max_streams": setting(integer(1, 100_000), 10_000),
  "feed.handshakes_per_second": setting(integer(1, 100_000), 200),

  "http.address": setting(listenAddress, "127.0.0.1:9480"),
  "http.allowed_hosts": setting(textList("a list of host names", isHostNames), []),

  "log.level": setting(choice("debug", "info", "warn", "error"), "info"),
} as const;

export type FeedSettingKey = keyof typeof settings;

export type FeedSettingValues = {
  readonly [Key in FeedSettingKey]: (typeof settings)[Key] extends Setting<infer T> ? T : never;
};

export const FEED_SETTINGS: SettingsFamily<FeedSettingKey> = {
  settings,
  owner: "the feed server",
  file: "feed.toml",
  hint: "remove it; docs/feed-server.md has every key",
};

function setting<T>(kind: SettingKind<T>, fallback: NoInfer<T>): Setting<T> {
  return { kind, fallback, sensitive: false };
}

function sensitive<T>(kind: SettingKind<T>, fallback: NoInfer<T>): Setting<T> {
  return { kind, fallback, sensitive: true };
}

function isHostNames(names: readonly string[]): boolean {
  return names.every((name) => /^[A-Za-z0-9.-]{1,253}$|^\[[0-9A-Fa-f:.]{2,45}\]$/.test(name));
}

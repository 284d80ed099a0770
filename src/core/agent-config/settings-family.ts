import type { SettingKind } from "./setting-kinds.ts";

/** One key of a configuration file. */
export interface Setting<T> {
  readonly kind: SettingKind<T>;
  readonly fallback: T;
  /** A rejected value is not repeated in messages: people paste secrets where a path belongs. */
  readonly sensitive: boolean;
}

/** All keys of one program's configuration, by dotted name, with the words that messages need. */
export interface SettingsFamily<Key extends string> {
  // Each setting has its own type; what is read by a kind is used by the same.
  // biome-ignore lint/suspicious/noExplicitAny: the table holds settings of every type
  readonly settings: Readonly<Record<Key, Setting<any>>>;
  /** `the agent` */
  readonly owner: string;
  /** `agent.toml` */
  readonly file: string;
  /** What to do about a key that nobody knows. */
  readonly hint: string;
}

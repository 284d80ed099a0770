import type { Place } from "../issue.ts";
import { findIgnored } from "./config/find-ignored.ts";
import { type ConfigSource, type MergedConfig, mergeConfig } from "./config/merge-config.ts";
import { type LocalPullReason, listLocalPullReasons } from "./config/pull-mode.ts";
import { type RegistryTables, readRegistryTables } from "./config/read-registry-tables.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "./version.ts";

/** What a containerd makes of config.toml and its imports, as far as registries go. */
export interface RegistryConfig {
  /** Whether the daemon starts at all. */
  readonly daemon: Outcome;
  /** Whether the CRI plugin loads; when it does not, containerd stays up and every pull fails. */
  readonly criLoads: Outcome;
  /** The `version` in force after imports and migrations. */
  readonly schema: number;
  /** The config_path in force, defaults included; `""`: no hosts.toml is read. */
  readonly configPath: string;
  /** The config_path that is written, and where. 2.2.2+ takes a written `""` for none. */
  readonly configPathWritten?: { readonly value: string; readonly at: Place };
  /** The directories that are really looked at, in order. */
  readonly roots: readonly string[];
  readonly pullMode: "transfer" | "local";
  /** Why a containerd that could pull through the transfer service pulls locally. */
  readonly localPullReasons: readonly LocalPullReason[];
  readonly mirrors: readonly LegacyMirror[];
  readonly configs: readonly RegistryHostConfig[];
  readonly auths: readonly RegistryAuth[];
  readonly headers: readonly RegistryHeader[];
  /** What is written as if it meant something, and does not. */
  readonly ignored: readonly IgnoredSection[];
}

/** `reason` is in containerd's own words where it has any. */
type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly at: Place };

export interface LegacyMirror {
  readonly namespace: string;
  readonly endpoints: readonly string[];
  readonly at: Place;
}

/** `registry.configs."host"`. */
export interface RegistryHostConfig {
  readonly host: string;
  readonly at: Place;
  readonly tls?: LegacyTls;
  readonly tlsAt?: Place;
  readonly auth?: Auth;
  readonly authAt?: Place;
}

/** Paths on the node. */
export interface LegacyTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly insecureSkipVerify?: boolean;
}

/** Holds secrets: never shown. */
export interface Auth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identityToken?: string;
}

export interface RegistryAuth {
  readonly url: string;
  readonly auth: Auth;
  readonly at: Place;
}

export interface RegistryHeader {
  readonly name: string;
  readonly values: readonly string[];
  readonly at: Place;
}

export interface IgnoredSection {
  /** As it is written: `plugins."io.containerd.cri.v1.images".registry`. */
  readonly section: string;
  readonly at: Place;
  readonly reason: string;
}

/** `imports` in the order containerd loads them: listed order, globs sorted, nested ones behind their parents' siblings. */
export function readRegistryConfig(
  main: ConfigSource | undefined,
  imports: readonly ConfigSource[],
  version: ContainerdVersion,
): RegistryConfig {
  const traits = traitsOf(version);
  const merged = mergeConfig(main === undefined ? [] : [main, ...imports], traits);
  return describeRegistryConfig(merged, traits);
}

/** `readRegistryConfig` on what is merged already. */
export function describeRegistryConfig(merged: MergedConfig, traits: ContainerdTraits): RegistryConfig {
  const tables = readRegistryTables(merged.cri, traits);
  const configPath = tables.configPath ?? defaultConfigPath(tables, traits);
  const localPullReasons = traits.transferService ? listLocalPullReasons(merged.cri, tables) : [];
  const pullMode = traits.transferService && localPullReasons.length === 0 ? "transfer" : "local";
  const refusal = merged.refusal ?? tables.typeError;
  return {
    daemon: refusal === undefined ? { ok: true } : { ok: false, ...refusal },
    criLoads: judgeCri(merged, tables, configPath, traits),
    schema: merged.schema,
    configPath,
    ...(tables.configPathWritten && { configPathWritten: tables.configPathWritten }),
    roots: configPath === "" ? [] : pullMode === "local" ? configPath.split(":") : [configPath],
    pullMode,
    localPullReasons,
    mirrors: tables.mirrors,
    configs: tables.configs,
    auths: tables.auths,
    headers: tables.headers,
    ignored: findIgnored(merged, traits),
  };
}

// 2.2.0 and 2.2.1 put the default in before mirrors are looked at (containerd#12612), later ones only without them.
function defaultConfigPath(tables: RegistryTables, traits: ContainerdTraits): string {
  return tables.mirrors.length > 0 && !traits.dumpShowsDefaultConfigPath ? "" : traits.defaultConfigPath;
}

function judgeCri(
  merged: MergedConfig,
  tables: RegistryTables,
  configPath: string,
  traits: ContainerdTraits,
): Outcome {
  const refusal = merged.refusal ?? tables.typeError;
  if (refusal !== undefined) return { ok: false, ...refusal };
  const prefix = traits.readsLegacyTls ? "invalid plugin config" : "invalid cri image config";
  const [mirror] = tables.mirrors;
  if (mirror !== undefined && configPath !== "") {
    return fail(`${prefix}: \`mirrors\` cannot be set when \`config_path\` is provided`, mirror.at);
  }
  const tls = tables.configs.find((config) => config.tls !== undefined);
  if (tls !== undefined && configPath !== "" && traits.readsLegacyTls) {
    return fail(
      `${prefix}: \`configs.tls\` cannot be set when \`config_path\` is provided`,
      tls.tlsAt ?? tls.at,
    );
  }
  const timeout = tables.badProgressTimeout;
  if (timeout !== undefined && traits.readsPullProgressTimeout) {
    return fail(
      `${prefix}: invalid image pull progress timeout: ${goDurationError(timeout.value)}`,
      timeout.at,
    );
  }
  const disabled = merged.disabledPlugins.find((name) => isCriPlugin(name, merged.schema, traits));
  const [main] = merged.files;
  if (disabled !== undefined && main !== undefined)
    return fail(`disabled_plugins lists "${disabled}"`, main.root.at);
  return { ok: true };
}

/** The words of Go's time.ParseDuration. */
function goDurationError(text: string): string {
  const unit = /^[+-]?[\d.]*\d[\d.]*([^\d.]*)/.exec(text)?.[1];
  if (unit === undefined) return `time: invalid duration "${text}"`;
  return unit === ""
    ? `time: missing unit in duration "${text}"`
    : `time: unknown unit "${unit}" in duration "${text}"`;
}

function isCriPlugin(name: string, schema: number, traits: ContainerdTraits): boolean {
  if (traits.importsReplacePluginTables) return name === (schema < 2 ? "cri" : "io.containerd.grpc.v1.cri");
  return [
    "cri",
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
  ].includes(name);
}

function fail(reason: string, at: Place): Outcome {
  return { ok: false, reason, at };
}

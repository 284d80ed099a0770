import type { Place } from "../issue.ts";
import {
  type ConfigSource,
  foldsCase,
  type ListedPlugin,
  type Refusal,
  type RefusalKind,
} from "./config/config-file.ts";
import { type ConfigNode, getNode } from "./config/config-tree.ts";
import { findCriRefusal } from "./config/find-cri-refusal.ts";
import { findIgnored } from "./config/find-ignored.ts";
import { type MergedConfig, mergeConfig } from "./config/merge-config.ts";
import { type LocalPullReason, listLocalPullReasons } from "./config/pull-mode.ts";
import { type PullSettings, readPullSettings } from "./config/pull-settings.ts";
import { type RegistryTables, readRegistryTables } from "./config/read-registry-tables.ts";
import { joinPath } from "./go-path.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "./version.ts";

/** What a containerd makes of config.toml and its imports, as far as registries go. */
export interface RegistryConfig {
  /** Whether the daemon starts at all. */
  readonly daemon: Outcome<RefusalKind>;
  /** Whether the CRI plugin loads; when it does not, containerd stays up and every pull fails. */
  readonly criLoads: Outcome<CriTrouble>;
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
  readonly settings: PullSettings;
}

/** `reason` is in containerd's own words where it has any. */
type Outcome<Kind> =
  | { readonly ok: true }
  | { readonly ok: false; readonly kind: Kind; readonly reason: string; readonly at: Place };

/** What keeps the CRI plugin from loading; containerd itself stays up unless `required_plugins` lists it. */
export type CriTrouble =
  | RefusalKind
  | "mirrors-and-config-path"
  | "tls-and-config-path"
  | "progress-timeout"
  | "disabled"
  | "setting";

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
  /** unread: a section this release does not read · replaced: an import has the whole section · tls: of 1.x. */
  readonly cause: "unread" | "replaced" | "tls";
  /** As it is written: `plugins."io.containerd.cri.v1.images".registry`. */
  readonly section: string;
  readonly at: Place;
  readonly reason: string;
  /** What stands in it. */
  readonly content: ConfigNode;
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
  const criLoads = judgeCri(merged, tables, configPath, traits);
  const refusal = merged.refusal ?? tables.typeError ?? findMissedRequirement(merged, criLoads, traits);
  return {
    daemon: refusal === undefined ? { ok: true } : { ok: false, ...refusal },
    criLoads,
    schema: merged.schema,
    configPath,
    ...(tables.configPathWritten && { configPathWritten: tables.configPathWritten }),
    roots: listRoots(configPath, pullMode),
    pullMode,
    localPullReasons,
    mirrors: tables.mirrors,
    configs: tables.configs,
    auths: tables.auths,
    headers: tables.headers,
    ignored: findIgnored(merged, traits),
    settings: readPullSettings(merged.cri, traits),
  };
}

/** Relative ones start where the daemon runs: at `/`, unless somebody started it by hand. */
function listRoots(configPath: string, pullMode: RegistryConfig["pullMode"]): readonly string[] {
  if (configPath === "") return [];
  const parts = pullMode === "local" ? configPath.split(":") : [configPath];
  return parts.map((part) => (part.startsWith("/") ? part : joinPath("/", part)));
}

function findMissedRequirement(
  { requiredPlugins, schema }: MergedConfig,
  criLoads: RegistryConfig["criLoads"],
  traits: ContainerdTraits,
): Refusal | undefined {
  const required = requiredPlugins.find((plugin) => isCriPlugin(plugin, schema, traits));
  if (criLoads.ok || required === undefined) return undefined;
  const { reason, at } = criLoads;
  return { kind: "required-plugin", reason: `load required plugin ${required.name}: ${reason}`, at };
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
): RegistryConfig["criLoads"] {
  const refusal = merged.refusal ?? tables.typeError;
  if (refusal !== undefined) return { ok: false, ...refusal };
  const prefix = traits.readsLegacyTls ? "invalid plugin config" : "invalid cri image config";
  const [mirror] = tables.mirrors;
  if (mirror !== undefined && configPath !== "") {
    const reason = `${prefix}: \`mirrors\` cannot be set when \`config_path\` is provided`;
    return fail("mirrors-and-config-path", reason, mirror.at);
  }
  const tls = tables.configs.find((config) => config.tls !== undefined);
  if (tls !== undefined && configPath !== "" && traits.readsLegacyTls) {
    const reason = `${prefix}: \`configs.tls\` cannot be set when \`config_path\` is provided`;
    return fail("tls-and-config-path", reason, tls.tlsAt ?? tls.at);
  }
  const timeout = tables.badProgressTimeout;
  if (timeout !== undefined && traits.readsPullProgressTimeout) {
    const reason = `${prefix}: invalid image pull progress timeout: ${goDurationError(timeout.value)}`;
    return fail("progress-timeout", reason, timeout.at);
  }
  const disabled = merged.disabledPlugins.find((plugin) => isCriPlugin(plugin, merged.schema, traits));
  if (disabled !== undefined)
    return fail("disabled", `disabled_plugins lists "${disabled.name}"`, disabled.at);
  const auths = getNode(merged.cri, ["registry", "auths"], foldsCase(traits));
  const fault = findCriRefusal(merged.criTables, auths, merged, traits);
  return fault === undefined ? { ok: true } : fail("setting", fault.reason, fault.at);
}

/** The words of Go's time.ParseDuration. */
function goDurationError(text: string): string {
  const unit = /^[+-]?[\d.]*\d[\d.]*([^\d.]*)/.exec(text)?.[1];
  if (unit === undefined) return `time: invalid duration "${text}"`;
  return unit === ""
    ? `time: missing unit in duration "${text}"`
    : `time: unknown unit "${unit}" in duration "${text}"`;
}

function isCriPlugin({ name }: ListedPlugin, schema: number, traits: ContainerdTraits): boolean {
  if (traits.importsReplacePluginTables) return name === (schema < 2 ? "cri" : "io.containerd.grpc.v1.cri");
  return [
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
  ].includes(name);
}

function fail(kind: CriTrouble, reason: string, at: Place): RegistryConfig["criLoads"] {
  return { ok: false, kind, reason, at };
}

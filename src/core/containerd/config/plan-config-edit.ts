import type { Issue, Place } from "../../issue.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import type { LegacyMirror, RegistryConfig, RegistryHostConfig } from "../registry-config.ts";
import { describeRegistryConfig, readRegistryConfig } from "../registry-config.ts";
import { type ContainerdVersion, traitsOf } from "../version.ts";
import { checkEditable } from "./check-editable.ts";
import { checkEffect, describeNotices } from "./check-effect.ts";
import { chooseSection } from "./choose-section.ts";
import type { ConfigSource } from "./config-file.ts";
import { type ConfigText, openConfigText } from "./config-text.ts";
import { editRegistry, type RegistryEdit } from "./edit-registry.ts";
import { editReceiver, type WantedReceiver } from "./edit-traces.ts";
import { type LegacyRegistry, toLegacyRegistries } from "./legacy-registry.ts";
import { mergeConfig } from "./merge-config.ts";
import { listOwnedPaths } from "./owned-tables.ts";
import { findDeviation } from "./verify-edit.ts";
import type { WantedRegistries } from "./wanted-registries.ts";

export interface ConfigEditRequest {
  readonly path: string;
  /** undefined: there is no file. */
  readonly text: string | undefined;
  /** In the order containerd loads them. */
  readonly imports: readonly ConfigSource[];
  readonly version: ContainerdVersion;
  readonly wanted: WantedRegistries;
  /** Undefined: what it says of traces stays. */
  readonly receiver?: WantedReceiver | undefined;
}

export type ConfigEditResult =
  | {
      readonly ok: true;
      readonly text: string;
      readonly changed: boolean;
      /** One line for people per change; no secrets. */
      readonly changes: readonly string[];
      /** Legacy settings that were taken out and must now be rendered into certs.d. */
      readonly migrated: readonly LegacyRegistry[];
      readonly notices: readonly Issue[];
    }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * The text of config.toml with only the owned keys changed: `registry.config_path`, the tables that carry the
 * ownership marker, and legacy tables that collide with config_path. The result has been parsed back and read as
 * that containerd reads it; when it would not come out as wanted, there are issues and no text.
 */
export function planConfigEdit(request: ConfigEditRequest): ConfigEditResult {
  const traits = traitsOf(request.version);
  const text = request.text ?? `version = ${traits.maxConfigVersion}\n`;
  const main = { path: request.path, text };
  const merged = mergeConfig([main, ...request.imports], traits);
  const before = describeRegistryConfig(merged, traits);
  const [file] = merged.files;
  if (!before.daemon.ok || file === undefined) return refuse([unreadable(before)]);
  const section = chooseSection(file, merged.schema, traits);
  const config = openConfigText(text);
  const problems = checkEditable(request, file, config, section, traits);
  if (problems.length > 0) return refuse(problems);
  const legacy = listForeignLegacy(before, config, section, request);
  const edited = editRegistry({
    config,
    section,
    wanted: request.wanted,
    before,
    legacy,
    traits,
    path: request.path,
  });
  if (!edited.ok) return edited;
  const judged = judge(
    request,
    { text, section, before },
    edited.edit,
    toLegacyRegistries(legacy.mirrors, legacy.configs),
  );
  return judged.ok && request.receiver !== undefined ? withReceiver(judged, request.receiver) : judged;
}

/** Traces are no reason to leave registries as they are: where they cannot be edited, that is not done. */
function withReceiver(
  result: Extract<ConfigEditResult, { ok: true }>,
  receiver: WantedReceiver,
): ConfigEditResult {
  const text = editReceiver(result.text, receiver);
  if (text === undefined || text === result.text) return result;
  const change =
    receiver.endpoint === ""
      ? "take our receiver of containerd's traces out"
      : `name ${receiver.endpoint} as the receiver of containerd's traces`;
  return { ...result, text, changed: true, changes: [...result.changes, change] };
}

interface Start {
  readonly text: string;
  readonly section: readonly string[];
  readonly before: RegistryConfig;
}

function judge(
  request: ConfigEditRequest,
  { text, section, before }: Start,
  edit: RegistryEdit,
  migrated: readonly LegacyRegistry[],
): ConfigEditResult {
  const isSame = edit.text === text;
  const deviation = isSame ? undefined : findDeviation(text, edit.text, { section, ...edit.intended });
  if (deviation !== undefined) return refuse([internalError(request.path, deviation)]);
  const result = { path: request.path, text: edit.text };
  const after = isSame ? before : readRegistryConfig(result, request.imports, request.version);
  const problems = checkEffect(request, after, edit.text);
  if (problems.length > 0) return refuse(problems);
  const created = request.text === undefined ? [`create ${request.path}`] : [];
  return {
    ok: true,
    text: edit.text,
    changed: edit.text !== request.text,
    changes: [...created, ...edit.changes],
    migrated,
    notices: describeNotices(request, after),
  };
}

function refuse(issues: readonly Issue[]): ConfigEditResult {
  return { ok: false, issues };
}

/** Legacy settings in this file that are not ours: they move to certs.d. */
function listForeignLegacy(
  before: RegistryConfig,
  config: ConfigText,
  section: readonly string[],
  { wanted, path }: ConfigEditRequest,
): { readonly mirrors: readonly LegacyMirror[]; readonly configs: readonly RegistryHostConfig[] } {
  if (wanted.style === "legacy") return { mirrors: [], configs: [] };
  const owned = new Set(listOwnedPaths(config, section).map(encodeTomlPath));
  const isTheirs = (at: Place, table: readonly string[]): boolean =>
    at.file === path && !owned.has(encodeTomlPath(table));
  return {
    mirrors: before.mirrors.filter(({ namespace, at }) => isTheirs(at, ["mirrors", namespace])),
    configs: before.configs.filter(
      ({ host, tlsAt }) => tlsAt !== undefined && isTheirs(tlsAt, ["configs", host, "tls"]),
    ),
  };
}

function unreadable({ daemon }: RegistryConfig): Issue {
  const { reason, at } = daemon.ok ? { reason: "no file", at: { file: "", line: 1, column: 1 } } : daemon;
  return {
    code: "containerd-config-unreadable",
    severity: "error",
    at,
    message: `containerd would not start with this configuration (${reason}), so it is left as it is and no mirror is configured`,
    fix: "correct it; `containerd config dump` shows containerd's own error",
  };
}

function internalError(file: string, deviation: string): Issue {
  return {
    code: "containerd-config-edit-failed",
    severity: "error",
    at: { file, line: 1, column: 1 },
    message: `the edit of ${file} did not come out as intended (${deviation}), so nothing is written; this is an error in mirrorlet`,
    fix: "report it with the file, secrets removed; until then write the registry section as plain [tables]",
  };
}

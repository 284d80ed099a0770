import { OWNERSHIP_MARKER } from "../../file-tree.ts";
import type { Issue, Place } from "../../issue.ts";
import { encodeTomlPath, encodeTomlString } from "../../toml/encode-toml.ts";
import type { LegacyMirror, RegistryConfig, RegistryHostConfig } from "../registry-config.ts";
import type { ContainerdTraits } from "../version.ts";
import type { ConfigText } from "./config-text.ts";
import { setString } from "./edit-key.ts";
import { addTables, listOwnedPaths, removeOwned, updateOwned } from "./owned-tables.ts";
import { removeTables } from "./remove-legacy.ts";
import { splitByPresence } from "./split-by-presence.ts";
import type { IntendedEdit } from "./verify-edit.ts";
import { toOwnedTables, type WantedRegistries } from "./wanted-registries.ts";

export interface RegistryEdit {
  readonly text: string;
  readonly changes: readonly string[];
  readonly intended: Omit<IntendedEdit, "section">;
}

interface EditInput {
  readonly config: ConfigText;
  /** Path of the registry table that containerd reads. */
  readonly section: readonly string[];
  readonly wanted: WantedRegistries;
  readonly before: RegistryConfig;
  readonly legacy: {
    readonly mirrors: readonly LegacyMirror[];
    readonly configs: readonly RegistryHostConfig[];
  };
  readonly traits: ContainerdTraits;
  readonly path: string;
}

/** Carries out the edit on the text, legacy tables out first, then config_path, then our own tables. */
export function editRegistry(
  input: EditInput,
):
  | { readonly ok: true; readonly edit: RegistryEdit }
  | { readonly ok: false; readonly issues: readonly Issue[] } {
  const { section, wanted, legacy } = input;
  const tables = toOwnedTables(wanted);
  const owned = listOwnedPaths(input.config, section);
  const wantedKeys = new Set(tables.map(({ path }) => encodeTomlPath(path)));
  const stale = owned.filter((path) => !wantedKeys.has(encodeTomlPath(path)));
  const foreign = [
    ...legacy.mirrors.map(({ namespace }) => ["mirrors", namespace]),
    ...legacy.configs.map(({ host }) => ["configs", host, "tls"]),
  ];
  const split = splitByPresence(input.config, section, owned, tables, input.path);
  if (split.issues.length > 0) return { ok: false, issues: split.issues };
  const cleared = removeTables(removeOwned(input.config, section, stale), section, foreign);
  if (cleared === undefined)
    return { ok: false, issues: [inlineIssue(legacyPlace(input), "a legacy registry table")] };
  const path = setConfigPath(cleared, input);
  if (path === undefined) return { ok: false, issues: [inlineIssue(placeOfSection(input), "registry")] };
  const result = addTables(
    updateOwned(path.config, section, split.outdated),
    section,
    split.missing,
    OWNERSHIP_MARKER,
  );
  const changes = [
    ...foreign.map((table) => `move registry.${encodeTomlPath(table)} to certs.d`),
    ...stale.map((table) => `remove registry.${encodeTomlPath(table)}`),
    ...path.changes,
    ...split.outdated.map((table) => `update registry.${encodeTomlPath(table.path)}`),
    ...split.missing.map((table) => `add registry.${encodeTomlPath(table.path)}`),
  ];
  const intended = {
    key: { name: "config_path", value: path.intended },
    removed: [...stale, ...foreign],
    tables: [...split.outdated, ...split.missing],
  };
  return { ok: true, edit: { text: result.text, changes, intended } };
}

interface ConfigPathEdit {
  readonly config: ConfigText;
  readonly changes: readonly string[];
  /** The value the document must have; undefined: none. */
  readonly intended: string | undefined;
}

function setConfigPath(
  config: ConfigText,
  { section, wanted, before, traits, path }: EditInput,
): ConfigPathEdit | undefined {
  const written = before.configPathWritten?.at.file === path ? before.configPathWritten.value : undefined;
  const value =
    wanted.style === "certs.d" ? wanted.configPath : legacyConfigPath(written, wanted.mirrors.length, traits);
  if (value === undefined || value === written) return { config, changes: [], intended: written };
  const edited = setString(config, section, "config_path", value);
  return edited && { config: edited, changes: [describeChange(written, value)], intended: value };
}

/**
 * Mirrors and config_path exclude each other. 2.2.0 and 2.2.1 fill in a default that only an explicit `""` keeps out
 * (containerd#12612).
 */
function legacyConfigPath(
  written: string | undefined,
  mirrors: number,
  traits: ContainerdTraits,
): string | undefined {
  const isFilledIn = traits.defaultConfigPath !== "" && traits.dumpShowsDefaultConfigPath && mirrors > 0;
  return written === undefined && !isFilledIn ? undefined : "";
}

function describeChange(written: string | undefined, value: string): string {
  const set = `set registry.config_path to ${encodeTomlString(value)}`;
  if (written === undefined) return set;
  const was = `was ${encodeTomlString(written)}`;
  return written.includes(":")
    ? `${set} (${was}: a list, which containerd's transfer service takes for the name of one directory)`
    : `${set} (${was})`;
}

function legacyPlace({ legacy, ...input }: EditInput): Place {
  return legacy.mirrors[0]?.at ?? legacy.configs[0]?.tlsAt ?? placeOfSection({ ...input, legacy });
}

function placeOfSection({ before, path }: EditInput): Place {
  return before.configPathWritten?.at ?? { file: path, line: 1, column: 1 };
}

function inlineIssue(at: Place, what: string): Issue {
  return {
    code: "containerd-config-inline-table",
    severity: "error",
    at,
    message: `${what} is written as an inline table that cannot be edited in place, so ${at.file} is left as it is`,
    fix: 'write it as [plugins."…".registry] tables of its own',
  };
}

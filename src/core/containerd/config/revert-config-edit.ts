import type { Issue, Place } from "../../issue.ts";
import type { TomlTable } from "../../toml/parse-toml.ts";
import type { ContainerdVersion } from "../version.ts";
import { applyEdits, type ConfigText, findHeader, fullPath, startsWithPath } from "./config-text.ts";
import { removeKey, setString } from "./edit-key.ts";
import { receiverIn, revertReceiver } from "./edit-traces.ts";
import { addTables, cutLines, listOwnedPaths, type OwnedTable, removeOwned } from "./owned-tables.ts";
import { planConfigEdit } from "./plan-config-edit.ts";
import { type RegistryOf, readRegistry, readWanted, tableAt } from "./read-wanted.ts";
import { findDeviation } from "./verify-edit.ts";

export interface RevertRequest {
  readonly path: string;
  readonly current: string;
  /** As it was before the first edit; undefined: there was no file. */
  readonly original: string | undefined;
  readonly version: ContainerdVersion;
  /** Receivers of traces that we have named. */
  readonly receivers?: ReadonlySet<string>;
}

export type RevertResult =
  /** `""` when there was no file and nothing of anybody else's is left in it: it can go. */
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * config.toml with what we own put back: config_path as it was, migrated legacy tables restored, our tables gone.
 * What others changed in the meantime stays. Byte for byte the original when nobody else touched the file.
 */
export function revertConfigEdit(request: RevertRequest): RevertResult {
  const { path, original, version, receivers = new Set() } = request;
  const now = readRegistry(path, request.current, version);
  const then = readRegistry(path, original ?? "", version);
  if (now === undefined || then === undefined) return fail(path, "it is not TOML that containerd could read");
  if (isOurEditOf(request, now)) return { ok: true, text: original ?? "" };
  const current = revertReceiver(request.current, original ?? "", receivers);
  const untraced = current === undefined ? undefined : readRegistry(path, current, version);
  if (current === undefined || untraced === undefined)
    return fail(path, "its receiver of traces is in an inline table");
  return revertInPlace({ ...request, current }, untraced, then);
}

/** Whether editing the original again, for what the current text says we wanted, gives the current text. */
function isOurEditOf(
  { path, current, original, version, receivers = new Set() }: RevertRequest,
  now: RegistryOf,
): boolean {
  if (original === current) return true;
  const endpoint = receiverIn(current) ?? "";
  const receiver = receivers.has(endpoint) ? { endpoint, ours: receivers } : undefined;
  const request = { path, text: original, imports: [], version, wanted: readWanted(now), receiver };
  const again = planConfigEdit(request);
  return again.ok && again.text === current;
}

function revertInPlace(
  { path, current, original }: RevertRequest,
  now: RegistryOf,
  then: RegistryOf,
): RevertResult {
  const { section } = now;
  const owned = listOwnedPaths(now.config, section);
  const restored = listLost(then, now);
  if (restored === undefined) return fail(path, "its legacy registry tables hold more than containerd knows");
  const cleared = removeOwned(now.config, section, owned);
  const pathed = putConfigPathBack(cleared, now, then);
  if (pathed === undefined) return fail(path, "its registry settings are in an inline table");
  const result = addTables(pathed, section, restored, undefined).text;
  const key = { name: "config_path", value: then.configPath };
  const intended = { section, key, removed: owned, tables: restored };
  const deviation = findDeviation(current, result, intended);
  if (deviation !== undefined) return fail(path, deviation);
  return { ok: true, text: original === undefined && isOnlyVersion(result) ? "" : result };
}

function putConfigPathBack(config: ConfigText, now: RegistryOf, then: RegistryOf): ConfigText | undefined {
  if (now.configPath === then.configPath) return config;
  if (then.configPath !== undefined) return setString(config, now.section, "config_path", then.configPath);
  const removed = removeKey(config, now.section, "config_path");
  return removed && removeBareHeader(removed, now.section, then);
}

/** The registry header came with our config_path; it goes with it when nobody else has put anything there. */
function removeBareHeader(config: ConfigText, section: readonly string[], then: RegistryOf): ConfigText {
  const header = findHeader(config, section);
  const others = config.statements.filter((statement) => startsWithPath(fullPath(statement), section));
  if (header === undefined || others.length > 1 || findHeader(then.config, section) !== undefined)
    return config;
  return applyEdits(config, [cutLines(config, header.start, header.end)]);
}

/** Legacy tables of the original that the current text no longer has; undefined: they hold what we cannot write. */
function listLost(then: RegistryOf, now: RegistryOf): readonly OwnedTable[] | undefined {
  const paths = [
    ...Object.keys(tableAt(then.registry, ["mirrors"]) ?? {}).map((name) => ["mirrors", name]),
    ...Object.keys(tableAt(then.registry, ["configs"]) ?? {}).map((host) => ["configs", host, "tls"]),
  ];
  const owned = new Set(listOwnedPaths(then.config, then.section).map((path) => JSON.stringify(path)));
  const lost = paths.flatMap((path) => {
    const table = tableAt(then.registry, path);
    const isThere = tableAt(now.registry, path) !== undefined && !isOwnedIn(now, path);
    return table === undefined || isThere || owned.has(JSON.stringify(path)) ? [] : [{ path, table }];
  });
  const tables = lost.map(({ path, table }) => toTable(path, table));
  return tables.every((table) => table !== undefined) ? tables : undefined;
}

function isOwnedIn(now: RegistryOf, path: readonly string[]): boolean {
  return listOwnedPaths(now.config, now.section).some((own) => JSON.stringify(own) === JSON.stringify(path));
}

function toTable(path: readonly string[], table: TomlTable): OwnedTable | undefined {
  const values: [string, string | boolean | readonly string[]][] = [];
  for (const [key, value] of Object.entries(table)) {
    if (typeof value === "string" || typeof value === "boolean") values.push([key, value]);
    else if (Array.isArray(value) && value.every((item) => typeof item === "string"))
      values.push([key, value]);
    else return undefined;
  }
  return { path, values };
}

function isOnlyVersion(text: string): boolean {
  return /^\s*(?:version\s*=\s*\d+\s*)?$/.test(text);
}

function fail(file: string, reason: string): RevertResult {
  const at: Place = { file, line: 1, column: 1 };
  const message = `${file} cannot be put back as it was (${reason}), so it stays as it is`;
  const fix = "take registry.config_path and the tables marked as mirrorlet's out by hand";
  return {
    ok: false,
    issues: [{ code: "containerd-config-revert-failed", severity: "error", at, message, fix }],
  };
}

import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "../version.ts";
import { buildHostEntry, type WrittenHost } from "./build-host-entry.ts";
import { findIgnored, type IgnoredKey } from "./find-ignored.ts";
import type { HostEntry } from "./host-entry.ts";
import { findField, readSettings, readString } from "./host-settings.ts";
import { loadTree } from "./load-tree.ts";
import { orderHosts } from "./order-hosts.ts";
import { type DropCode, Rejection } from "./rejection.ts";
import type { TreeTable } from "./toml-tree.ts";

/** What one release makes of one hosts.toml. */
export type HostsFile =
  | {
      readonly kind: "hosts";
      /** In the order of trial; the last one is the root entry, its host empty if `server` names none. */
      readonly entries: readonly HostEntry[];
      /** What stands in the file and has no effect. */
      readonly ignored: readonly IgnoredKey[];
      /** The release tries these hosts in an order that changes from pull to pull (inline tables on 1.x). */
      readonly unordered: readonly string[];
    }
  | {
      /** The whole file counts for nothing; the pull goes on with the default upstream. */
      readonly kind: "dropped";
      readonly code: DropCode;
      /** In the words of containerd's log where they are known. */
      readonly reason: string;
      readonly line?: number;
      readonly column?: number;
    }
  /** The daemon dies of it at every pull of the namespace; measured on 1.6.20 and 1.7.24. */
  | { readonly kind: "crashes"; readonly reason: string; readonly line?: number; readonly column?: number }
  /** No file, or one without a byte: not even an error line in the log. */
  | { readonly kind: "absent-or-empty" };

/**
 * Reads a hosts.toml as that containerd does; see https://github.com/containerd/containerd/blob/main/docs/hosts.md
 * and core/remotes/docker/config/hosts.go. Relative file names are taken from `directory`. Never throws.
 *
 * Where our TOML parser is stricter than go-toml v1 inside a value (a key twice in an inline table, a leading zero),
 * the model says dropped although 1.x would read on: text like that must not be relied on anyway.
 */
export function readHostsToml(
  file: Uint8Array | string | undefined,
  version: ContainerdVersion,
  directory: string,
): HostsFile {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  if (bytes === undefined || bytes.length === 0) return { kind: "absent-or-empty" };
  try {
    return read(bytes, traitsOf(version), directory);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    const { code, message: reason, line, column } = error;
    const place = { ...(line !== undefined && { line }), ...(column !== undefined && { column }) };
    if (code === "panic") return { kind: "crashes", reason, ...place };
    return { kind: "dropped", code, reason, ...place };
  }
}

function read(bytes: Uint8Array, traits: ContainerdTraits, directory: string): HostsFile {
  const tree = loadTree(bytes, traits.tomlLibrary);
  const { root } = tree;
  const order = orderHosts(tree, traits);
  const server = findField(root, "server", traits.tomlLibrary);
  const serverUrl = server && readString(server, "server", traits.tomlLibrary);
  const rootSettings = readSettings(root, traits);
  const hosts = hostTables(root);
  // Every table is decoded, also one that is then not asked: a wrong type anywhere drops the file.
  const settings = new Map([...hosts].map(([name, table]) => [name, readSettings(table, traits)]));
  const entries = order.names.map((name) => {
    const table = hosts.get(name);
    const written = { written: name, isRoot: false, ...(table && { place: placeOf(table) }) };
    return buildHostEntry(written, settings.get(name) ?? { overridePath: false }, directory, traits);
  });
  const rootHost: WrittenHost = {
    written: serverUrl?.value ?? "",
    isRoot: true,
    ...(server && { place: placeOf(server) }),
  };
  return {
    kind: "hosts",
    entries: [...entries, buildHostEntry(rootHost, rootSettings, directory, traits)],
    ignored: findIgnored(root, new Set(order.names), traits),
    unordered: order.unordered,
  };
}

function hostTables(root: TreeTable): ReadonlyMap<string, TreeTable> {
  const host = root.children.get("host");
  if (host?.kind !== "table") return new Map();
  const tables = [...host.children].filter(
    (child): child is [string, TreeTable] => child[1].kind === "table",
  );
  return new Map(tables);
}

function placeOf({ line, column }: { line: number; column: number }) {
  return { line, column };
}

import { closestName } from "../../agent-config/closest-name.ts";
import { buildConfigTree, type ConfigNode, type ConfigTable } from "../../containerd/config/config-tree.ts";
import { parseToml, type TomlValue } from "../../toml/parse-toml.ts";
import { type LooseHost, type LooseHostsFile, looksLikeHost } from "./loose-hosts-file.ts";
import { readLooseLines } from "./read-loose-lines.ts";

/**
 * Reads a hosts.toml for what it evidently means: misspelt, misplaced and inline tables count, and text that is no
 * TOML is read line by line. Never throws.
 */
export function readLooseHosts(text: string): LooseHostsFile {
  const parsed = parseToml(text);
  if (!parsed.ok) return readLooseLines(text);
  const root = buildConfigTree("", text, parsed.value);
  const found: Found = { hosts: [] };
  for (const [key, node] of root.entries) {
    if (isServerKey(key, node)) found.server ??= toHost(node, stringOf(node), saysOverride(root));
    else if (isHostKey(key)) readHostNode(node, found);
    else if (node.kind === "table" && looksLikeHost(key)) addHost(key, node, found);
  }
  const hosts = found.hosts.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { ...(found.server && { server: found.server }), hosts, isBlank: root.entries.size === 0 };
}

interface Found {
  server?: LooseHost;
  readonly hosts: LooseHost[];
}

const HOST_KEYS = ["host", "mirror", "endpoint"];

function isHostKey(key: string): boolean {
  if (key === "host") return true;
  const singular = key.toLowerCase().replace(/s$/, "");
  return HOST_KEYS.includes(singular) || (key.length > 2 && closestName(key, ["host", "server"]) === "host");
}

function isServerKey(key: string, node: ConfigNode): boolean {
  if (stringOf(node) === "") return false;
  return key === "server" || nearest(key, ["host", "server", "ca", "client"]) === "server";
}

function readHostNode(node: ConfigNode, found: Found): void {
  if (node.kind === "value") {
    for (const written of writtenHosts(node.value)) found.hosts.push(toHost(node, written));
    return;
  }
  for (const [key, child] of node.entries) {
    if (isServerKey(key, child) && !looksLikeHost(key)) found.server ??= toHost(child, stringOf(child));
    else if (child.kind === "table") addHost(key, child, found);
    else if (looksLikeHost(key)) found.hosts.push(toHost(child, key));
    else for (const written of writtenHosts(child.value)) found.hosts.push(toHost(child, written));
  }
}

/** `[host.mirror.corp]` without quotes is a table in a table: the names belong together. */
function addHost(name: string, table: ConfigTable, found: Found): void {
  const inner = [...table.entries].filter(
    (entry): entry is [string, ConfigTable] => entry[1].kind === "table" && isPartOfName(name, entry[0]),
  );
  for (const [key, child] of inner) addHost(`${name}.${key}`, child, found);
  if (inner.length > 0 && inner.length === table.entries.size) return;
  const server = [...table.entries].find(([key, node]) => isServerKey(key, node));
  if (server !== undefined) found.server ??= toHost(server[1], stringOf(server[1]));
  found.hosts.push(toHost(table, name, saysOverride(table)));
}

function isPartOfName(name: string, key: string): boolean {
  return !name.includes("/") && !/^(?:headers?|rewrite)$/i.test(key) && /^[\w:-]+$/.test(key);
}

function saysOverride({ entries }: ConfigTable): boolean {
  for (const [key, node] of entries)
    if (node.kind === "value" && nearest(key, TABLE_KEYS) === "override_path")
      return node.value === true || node.value === "true";
  return false;
}

const TABLE_KEYS = ["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];

function nearest(key: string, names: readonly string[]): string | undefined {
  return names.includes(key) ? key : closestName(key, names);
}

/** Hosts in a value: a URL, a list of them, or tables with one each, as other formats have it. */
function writtenHosts(value: TomlValue): readonly string[] {
  if (typeof value === "string") return looksLikeHost(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(writtenHosts);
  if (typeof value !== "object" || value instanceof Date) return [];
  return Object.values(value).flatMap((item) => (typeof item === "string" ? writtenHosts(item) : []));
}

function stringOf(node: ConfigNode): string {
  return node.kind === "value" && typeof node.value === "string" ? node.value : "";
}

function toHost({ at }: ConfigNode, written: string, overridePath = false): LooseHost {
  return { written, overridePath, line: at.line, column: at.column };
}

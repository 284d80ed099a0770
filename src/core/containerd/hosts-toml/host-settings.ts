import type { TomlValue } from "../../toml/parse-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import { Rejection } from "./rejection.ts";
import type { TreeNode, TreeTable } from "./toml-tree.ts";

/** The keys of one host table, or of the root, after type checks. `ca`, `client` and `header` come loosely typed. */
export interface HostSettings {
  readonly capabilities?: Found<readonly string[]> | undefined;
  readonly ca?: Found<Loose> | undefined;
  readonly client?: Found<Loose> | undefined;
  readonly skipVerify?: Found<boolean> | undefined;
  readonly header?: TreeTable | undefined;
  readonly overridePath: boolean;
  readonly dialTimeout?: Found<string> | undefined;
}

export interface Found<T> {
  readonly value: T;
  readonly line: number;
  readonly column: number;
}

/** A value whose type containerd checks itself, after decoding. */
export type Loose = TomlValue | TreeTable;

export const HOST_KEYS = [
  "capabilities",
  "ca",
  "client",
  "skip_verify",
  "header",
  "override_path",
  "dial_timeout",
] as const;

type Library = ContainerdTraits["tomlLibrary"];

/** Decodes as the release's TOML library does into containerd's struct. Throws Rejection on a wrong type. */
export function readSettings(table: TreeTable, traits: ContainerdTraits): HostSettings {
  const library = traits.tomlLibrary;
  const field = (name: string): TreeNode | undefined => findField(table, name, library);
  const capabilities = field("capabilities");
  const ca = field("ca");
  const client = field("client");
  const skipVerify = field("skip_verify");
  const header = field("header");
  const overridePath = field("override_path");
  const dialTimeout = traits.knowsDialTimeout ? field("dial_timeout") : undefined;
  return {
    capabilities: capabilities && readStrings(capabilities, "capabilities", library),
    ca: ca && readLoose(ca),
    client: client && readLoose(client),
    skipVerify: skipVerify && readBoolean(skipVerify, "skip_verify", library),
    header: header && readTable(header, "header", library),
    overridePath: overridePath ? readBoolean(overridePath, "override_path", library).value : false,
    dialTimeout: dialTimeout && readString(dialTimeout, "dial_timeout", library),
  };
}

/** go-toml v1 takes a key in lower or all upper case, v2 in any case (the last one written counts). */
export function findField(table: TreeTable, name: string, library: Library): TreeNode | undefined {
  if (library === "go-toml-v1") return table.children.get(name) ?? table.children.get(name.toUpperCase());
  let last: TreeNode | undefined;
  for (const [key, node] of table.children) if (isField(key, name, library)) last = node;
  return last;
}

export function isField(key: string, name: string, library: Library): boolean {
  if (key === name) return true;
  return library === "go-toml-v1" ? key === name.toUpperCase() : key.toLowerCase() === name;
}

export function readString(node: TreeNode, key: string, library: Library): Found<string> {
  if (node.kind === "value" && typeof node.value === "string") return found(node, node.value);
  throw typeRejection(node, key, "string", library);
}

function readTable(node: TreeNode, key: string, library: Library): TreeTable {
  if (node.kind === "table") return node;
  throw typeRejection(node, key, "map[string]interface {}", library);
}

function readBoolean(node: TreeNode, key: string, library: Library): Found<boolean> {
  if (node.kind === "value" && typeof node.value === "boolean") return found(node, node.value);
  throw typeRejection(node, key, "bool", library);
}

function readStrings(node: TreeNode, key: string, library: Library): Found<readonly string[]> {
  if (node.kind === "value" && Array.isArray(node.value)) {
    const strings = node.value.filter((item) => typeof item === "string");
    if (strings.length === node.value.length) return found(node, strings);
  }
  throw typeRejection(node, key, "[]string", library);
}

function readLoose(node: TreeNode): Found<Loose> {
  return found(node, node.kind === "table" ? node : node.value);
}

function found<T>({ line, column }: TreeNode, value: T): Found<T> {
  return { value, line, column };
}

function typeRejection(node: TreeNode, key: string, goType: string, library: Library): Rejection {
  const place = { line: node.line, column: node.column };
  if (library === "go-toml-v2")
    return new Rejection(
      "type",
      `toml: cannot decode TOML ${describeToml(node)} into ${structField(key)} of type ${goType}`,
      place,
    );
  const kind = goType === "[]string" ? "(slice)" : "";
  const value = node.kind === "value" ? String(node.value) : "table";
  return new Rejection(
    "type",
    `(${node.line}, ${node.column}): Can't convert ${value}(${describeToml(node)}) to ${goType}${kind}`,
    place,
  );
}

function structField(key: string): string {
  const name = key.replace(/(?:^|_)(.)/g, (_match, first: string) => first.toUpperCase());
  return `struct field config.hostFileConfig.${name}`;
}

/** What kind of value it is, in the words both libraries share. */
export function describeToml(node: TreeNode): string {
  if (node.kind === "table") return "table";
  if (Array.isArray(node.value)) return "array";
  if (node.value instanceof Date) return "datetime";
  if (typeof node.value === "number" || typeof node.value === "bigint") return "number";
  return typeof node.value;
}

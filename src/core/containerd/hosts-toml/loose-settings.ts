import { joinPath } from "../go-path.ts";
import type { HostEntry } from "./host-entry.ts";
import { describeToml, type Found, type Loose } from "./host-settings.ts";
import { Rejection } from "./rejection.ts";
import type { TreeNode, TreeTable } from "./toml-tree.ts";

type Place = { readonly line: number; readonly column: number };

/** `ca`: a string or a list of strings. Relative paths and `""` are taken from the directory of hosts.toml. */
export function readFileList(found: Found<Loose>, directory: string): readonly string[] {
  if (typeof found.value === "string") return [absolute(found.value, directory)];
  if (Array.isArray(found.value)) return readPaths(found.value, directory, found);
  throw new Rejection("type", `invalid type for "ca": write a file name or a list of file names`, found);
}

/** `client`: one PEM, a list of PEMs, or a list of [certificate, key] pairs. */
export function readClientPairs(
  found: Found<Loose>,
  directory: string,
): readonly (readonly [string, string])[] {
  if (typeof found.value === "string") return [[absolute(found.value, directory), ""]];
  if (!Array.isArray(found.value)) throw new Rejection("type", `invalid type for "client"`, found);
  return found.value.map((item: unknown) => {
    if (typeof item === "string") return [absolute(item, directory), ""] as const;
    if (!Array.isArray(item)) throw new Rejection("type", `invalid type for "client"`, found);
    const [certificate, key, ...more] = readPaths(item, directory, found);
    if (certificate === undefined || key === undefined || more.length > 0)
      throw new Rejection("type", `invalid pair ${JSON.stringify(item)} for "client"`, found);
    return [certificate, key] as const;
  });
}

/** `header`: names as written; each value a string or a list of strings. */
export function readHeader(header: TreeTable): NonNullable<HostEntry["header"]> {
  return [...header.children].map(([name, node]) => ({ name, values: readValues(name, node) }));
}

function readValues(name: string, node: TreeNode): readonly string[] {
  if (node.kind === "value") {
    const { value } = node;
    if (typeof value === "string") return [value];
    if (Array.isArray(value)) {
      const strings = value.filter((item) => typeof item === "string");
      if (strings.length === value.length) return strings;
    }
  }
  throw new Rejection("type", `invalid type ${describeToml(node)} for header ${JSON.stringify(name)}`, node);
}

function readPaths(items: readonly unknown[], directory: string, place: Place): readonly string[] {
  return items.map((item) => {
    if (typeof item !== "string") throw new Rejection("type", "unable to cast value to string", place);
    return absolute(item, directory);
  });
}

function absolute(path: string, directory: string): string {
  return path.startsWith("/") ? path : joinPath(directory, path);
}

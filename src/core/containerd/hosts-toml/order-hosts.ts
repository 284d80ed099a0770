import type { ContainerdTraits } from "../version.ts";
import { describeToml } from "./host-settings.ts";
import { Rejection } from "./rejection.ts";
import type { TomlTree, TreeNode, TreeTable } from "./toml-tree.ts";

export interface HostOrder {
  /** In the order of trial; on 2.x a name may come twice. */
  readonly names: readonly string[];
  /** Names whose order among each other is random. */
  readonly unordered: readonly string[];
}

/** The hosts a release takes from the file, in its order. Throws Rejection where `host` is not what it needs. */
export function orderHosts(tree: TomlTree, traits: ContainerdTraits): HostOrder {
  const host = tree.root.children.get("host");
  if (traits.requiresHostTable && host?.kind !== "table")
    throw new Rejection("no-host-table", "invalid `host` tree", host);
  if (host === undefined) return { names: [], unordered: [] };
  if (host.kind !== "table") throw notATable(host, "host");
  for (const [name, child] of host.children)
    if (child.kind !== "table") throw refuseChild(child, name, host.children.size, traits);
  return traits.tomlLibrary === "go-toml-v1" ? orderByLine(host) : orderByHeader(tree);
}

/**
 * 1.x walks the tables in map order and sorts them by the line each begins on. Inline tables have none, so they come
 * first; those that share a line keep the random order of the map.
 */
function orderByLine(host: TreeTable): HostOrder {
  const tables = [...host.children].filter(
    (child): child is [string, TreeTable] => child[1].kind === "table",
  );
  const lineOf = (table: TreeTable): number =>
    host.origin === "inline" || table.origin === "inline" ? 0 : table.line;
  const placed = tables
    .map(([name, table]) => ({ name, line: lineOf(table) }))
    .sort((a, b) => a.line - b.line);
  const sharesLine = (one: (typeof placed)[number]): boolean =>
    placed.some((other) => other !== one && other.line === one.line);
  return {
    names: placed.map(({ name }) => name),
    unordered: placed.filter(sharesLine).map(({ name }) => name),
  };
}

/** 2.x takes `[host."X"…]` headers alone, and X again whenever another host's header stood in between. */
function orderByHeader({ headers }: TomlTree): HostOrder {
  const names: string[] = [];
  for (const { path } of headers) {
    const [first, name] = path;
    if (first === "host" && name !== undefined && name !== names.at(-1)) names.push(name);
  }
  return { names, unordered: [] };
}

function notATable(node: TreeNode, name: string): Rejection {
  return new Rejection(
    "type",
    `cannot read ${describeToml(node)} ${JSON.stringify(name)} as a host table`,
    node,
  );
}

/** 1.x sorts the children before it looks at their types, so a key beside a host table kills the daemon. */
function refuseChild(child: TreeNode, name: string, siblings: number, traits: ContainerdTraits): Rejection {
  const kind = describeToml(child);
  if (traits.tomlLibrary === "go-toml-v2")
    return new Rejection("type", `toml: cannot decode TOML ${kind} into config.hostFileConfig`, child);
  if (siblings > 1)
    return new Rejection(
      "panic",
      `panic: interface conversion: ${kind} ${JSON.stringify(name)} is not *toml.Tree`,
      child,
    );
  return notATable(child, name);
}

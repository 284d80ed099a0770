import type { ContainerdTraits } from "../version.ts";
import { HOST_KEYS, isField } from "./host-settings.ts";
import type { TreeTable } from "./toml-tree.ts";

/** A key or table that the release reads past without a word. */
export interface IgnoredKey {
  /** Dotted path, keys as written. */
  readonly path: readonly string[];
  readonly line: number;
  readonly column: number;
  readonly reason: "unknown-key" | "unknown-in-this-version" | "server-in-host-table" | "host-not-a-header";
}

const ROOT_KEYS = [...HOST_KEYS, "server"];

/** Everything in the document that has no effect. `asked` are the hosts that made it into the order of trial. */
export function findIgnored(
  root: TreeTable,
  asked: ReadonlySet<string>,
  traits: ContainerdTraits,
): readonly IgnoredKey[] {
  const ignored = unknownKeys(root, [], ROOT_KEYS, traits).filter(({ path }) => path[0] !== "host");
  const host = root.children.get("host");
  if (host?.kind !== "table") return ignored;
  const perHost = [...host.children].flatMap(([name, child]): readonly IgnoredKey[] => {
    const path = ["host", name];
    if (!asked.has(name)) return [{ path, ...placeOf(child), reason: "host-not-a-header" }];
    return child.kind === "table" ? unknownKeys(child, path, HOST_KEYS, traits) : [];
  });
  return [...ignored, ...perHost];
}

function unknownKeys(
  table: TreeTable,
  path: readonly string[],
  known: readonly string[],
  traits: ContainerdTraits,
): readonly IgnoredKey[] {
  const ignored: IgnoredKey[] = [];
  for (const [key, child] of table.children) {
    const field = known.find((name) => isField(key, name, traits.tomlLibrary));
    if (field !== undefined && (field !== "dial_timeout" || traits.knowsDialTimeout)) continue;
    const isServer = path.length > 0 && isField(key, "server", traits.tomlLibrary);
    const reason =
      field !== undefined ? "unknown-in-this-version" : isServer ? "server-in-host-table" : "unknown-key";
    ignored.push({ path: [...path, key], ...placeOf(child), reason });
  }
  return ignored;
}

function placeOf({ line, column }: { line: number; column: number }) {
  return { line, column };
}

import type { ContainerdTraits } from "../version.ts";
import { type ConfigFile, getTable } from "./config-file.ts";
import type { ConfigNode, ConfigTable } from "./config-tree.ts";
import { criPlugins, feedingPlugins } from "./cri-section.ts";
import type { MergedConfig } from "./merge-config.ts";

/** CRI's whole section of one file, which counts for nothing because a later file has the section too (1.x). */
export interface ReplacedSection {
  readonly plugin: string;
  readonly file: ConfigFile;
  readonly table: ConfigTable;
  readonly by: ConfigFile;
  readonly byTable: ConfigTable;
  /** What the later file does not have. */
  readonly lost: readonly LostValue[];
}

/** Path below the section: `containerd.runtimes.runc.options.SystemdCgroup`. */
export interface LostValue {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** On 1.x the last file with the CRI plugin wins whole; 2.x merges. */
export function findReplaced(merged: MergedConfig, traits: ContainerdTraits): readonly ReplacedSection[] {
  if (!traits.importsReplacePluginTables) return [];
  const [plugin = criPlugins.grpc] = feedingPlugins(0, merged.schema, traits);
  return merged.files.flatMap((file, index) => {
    const table = getTable(file, ["plugins", plugin], traits);
    const by = merged.files
      .slice(index + 1)
      .findLast((other) => getTable(other, ["plugins", plugin], traits) !== undefined);
    const byTable = by && getTable(by, ["plugins", plugin], traits);
    if (table === undefined || by === undefined || byTable === undefined) return [];
    return [{ plugin, file, table, by, byTable, lost: listLost(table, byTable, []) }];
  });
}

function listLost(from: ConfigTable, kept: ConfigNode | undefined, path: readonly string[]): LostValue[] {
  return [...from.entries].flatMap(([key, node]) => {
    const other = kept?.kind === "table" ? kept.entries.get(key) : undefined;
    const at = [...path, key];
    if (node.kind === "table") return listLost(node, other, at);
    return other === undefined ? [{ path: at, value: node.value }] : [];
  });
}

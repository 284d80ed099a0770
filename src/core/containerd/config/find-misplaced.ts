import type { Place } from "../../issue.ts";
import type { ContainerdTraits } from "../version.ts";
import { type ConfigSource, foldsCase, getTable, parseConfigFile } from "./config-file.ts";
import { type ConfigNode, type ConfigTable, getNode } from "./config-tree.ts";
import { criPlugins } from "./cri-section.ts";
import type { MergedConfig } from "./merge-config.ts";

/** A `config_path` or a `registry` table where no containerd looks for it. */
export interface MisplacedSetting {
  readonly path: readonly string[];
  readonly at: Place;
  readonly node: ConfigNode;
}

/** Read by other plugins, for themselves: a registry table there is none of CRI's. */
const OTHERS_REGISTRIES = /^io\.containerd\.(?:snapshotter|nri|image-verifier)\./;

/** More than a plugin's name has, with `plugins` before it. */
const MAX_PARTS = 8;

const TRANSFER = "io.containerd.transfer.v1.local";

/**
 * Finds registry settings outside of the tables that are CRI's, in every file: at the top, in `plugins` itself, in a
 * plugin that has none, beside `registry` instead of in it. `[plugins."io.containerd.transfer.v1.local"]` has a
 * `config_path` that is read and never used.
 */
export function findMisplaced(
  { files }: MergedConfig,
  traits: ContainerdTraits,
): readonly MisplacedSetting[] {
  const seek = new Seeker(foldsCase(traits));
  return files.flatMap(({ root }) => seek.inRoot(root));
}

/** The values of `config_path` in a table, or the value itself. */
export function configPathsIn(node: ConfigNode): readonly string[] {
  if (node.kind === "value") return typeof node.value === "string" ? [node.value] : [];
  const written = getNode(node, ["config_path"], true);
  return written?.kind === "value" && typeof written.value === "string" ? [written.value] : [];
}

/** Registry tables of CRI in a file, whether containerd looks at them or not; none in what is not TOML. */
export function registryTablesIn(source: ConfigSource, traits: ContainerdTraits): readonly ConfigTable[] {
  const file = parseConfigFile(source, traits);
  if ("reason" in file) return [];
  return Object.values(criPlugins).flatMap(
    (plugin) => getTable(file, ["plugins", plugin, "registry"], traits) ?? [],
  );
}

class Seeker {
  readonly #fold: boolean;

  constructor(fold: boolean) {
    this.#fold = fold;
  }

  inRoot(root: ConfigTable): readonly MisplacedSetting[] {
    return [...root.entries].flatMap(([key, node]) => {
      if (this.#is(key, "plugins") && node.kind === "table") return this.#inPlugins(node);
      return this.#setting([key], node);
    });
  }

  #inPlugins(plugins: ConfigTable): readonly MisplacedSetting[] {
    return [...plugins.entries].flatMap(([name, node]) => {
      const own = this.#setting(["plugins", name], node);
      if (own.length > 0 || node.kind !== "table" || OTHERS_REGISTRIES.test(name)) return own;
      if (!name.includes(".") && name !== criPlugins.short) return this.#unquoted(["plugins", name], node);
      const isCri = Object.values(criPlugins).some((plugin) => plugin === name);
      return isCri ? this.#inCri(["plugins", name], node) : this.#inOther(["plugins", name], node);
    });
  }

  /** CRI's `registry` is where it belongs; anything like it elsewhere is not. Runtimes have options of their own. */
  #inCri(path: readonly string[], cri: ConfigTable): readonly MisplacedSetting[] {
    return [...cri.entries].flatMap(([key, node]) => {
      if (this.#is(key, "registry")) return [];
      const own = this.#setting([...path, key], node);
      if (own.length > 0 || node.kind !== "table") return own;
      return [...node.entries].flatMap(([inner, value]) => this.#setting([...path, key, inner], value));
    });
  }

  /** `[plugins.io.containerd.grpc.v1.cri.registry]`, its quotes forgotten, is a table in a table in a table. */
  #unquoted(path: readonly string[], table: ConfigTable): readonly MisplacedSetting[] {
    if (path.length > MAX_PARTS) return [];
    return [...table.entries].flatMap(([key, node]) => {
      const own = this.#setting([...path, key], node);
      return own.length > 0 || node.kind !== "table" ? own : this.#unquoted([...path, key], node);
    });
  }

  #inOther(path: readonly string[], plugin: ConfigTable): readonly MisplacedSetting[] {
    const isTransfer = path.at(-1) === TRANSFER;
    return [...plugin.entries].flatMap(([key, node]) =>
      isTransfer || this.#is(key, "registry") || looksLikeCri(path.at(-1) ?? "")
        ? this.#setting([...path, key], node)
        : [],
    );
  }

  #setting(path: readonly string[], node: ConfigNode): readonly MisplacedSetting[] {
    const key = path.at(-1) ?? "";
    const isPath = this.#is(key, "config_path") && node.kind === "value" && typeof node.value === "string";
    if (isPath && node.value !== "") return [{ path, at: node.at, node }];
    if (!this.#is(key, "registry") || node.kind !== "table") return [];
    return [...node.entries.keys()].some((name) => /^(?:config_path|mirrors|configs)$/i.test(name))
      ? [{ path, at: node.at, node }]
      : [];
  }

  #is(key: string, name: string): boolean {
    return key === name || (this.#fold && key.toLowerCase() === name);
  }
}

/** A plugin's name that is meant to be CRI's: `io.containerd.cri.v1.image`, `io.containerd.grpc.v1.crio`. */
function looksLikeCri(name: string): boolean {
  return /\bcri/i.test(name);
}

import { CONFIG_MUTATIONS } from "./broken-trees/break-config.ts";
import { HOSTS_FILE_MUTATIONS } from "./broken-trees/break-hosts-files.ts";
import { PLACE_MUTATIONS } from "./broken-trees/break-places.ts";
import { directoryOf, type GoodTree, growTree } from "./broken-trees/good-trees.ts";
import type { Mutations } from "./broken-trees/mutation.ts";
import type { NodeFiles } from "./doctored-node.ts";

/** A good tree after one thing that people do to trees, which leaves to be seen what was meant. */
export interface BrokenTree {
  readonly name: string;
  readonly release: string;
  readonly good: NodeFiles;
  readonly broken: NodeFiles;
  /** Host namespaces that the good tree has directories for. */
  readonly namespaces: readonly string[];
}

/** What people do to a node, by hand, by script and by half a write; by what is hit. */
export const MUTATIONS_BY_FAMILY = {
  "hosts.toml": HOSTS_FILE_MUTATIONS,
  places: PLACE_MUTATIONS,
  "config.toml": CONFIG_MUTATIONS,
} as const satisfies Readonly<Record<string, Mutations>>;

export const MUTATIONS: Mutations = Object.assign({}, ...Object.values(MUTATIONS_BY_FAMILY));

/** In [0, 1), the same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A tree of chance that is broken in this way, at a registry of chance; undefined: the way does not apply to it. */
export function breakTree(
  name: string,
  random: () => number,
  releases: readonly string[],
): BrokenTree | undefined {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const release = pick(releases);
  const { files, namespaces } = growTree(random, release);
  const broken = MUTATIONS[name]?.({ files, release, pick, directory: directoryOf(pick(namespaces)) });
  return broken && { name, release, good: files, broken, namespaces };
}

/** The tree broken in this way, at the first registry where it applies; undefined: at none. */
export function breakWholeTree(
  name: string,
  { files, namespaces }: GoodTree,
  release: string,
): NodeFiles | undefined {
  const pick = <T>([first]: readonly T[]): T => first as T;
  for (const namespace of namespaces) {
    const broken = MUTATIONS[name]?.({ files, release, pick, directory: directoryOf(namespace) });
    if (broken !== undefined) return broken;
  }
  return undefined;
}

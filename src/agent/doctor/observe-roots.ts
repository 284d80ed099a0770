import { cleanPath } from "../../core/containerd/go-path.ts";
import type { RegistryConfig } from "../../core/containerd/registry-config.ts";
import type { RootView } from "../../core/doctor/node-view.ts";
import type { ObservedTree } from "../../core/host-state.ts";
import { type Files, HostError } from "../ports.ts";

/** Where people put registry configuration, whether containerd looks there or not. */
const USUAL_ROOTS = ["/etc/containerd/certs.d", "/etc/docker/certs.d"];
/** Of all kinds together: a generated list cannot run away. */
const MAX_ROOTS = 32;
const MAX_TOO_DEEP = 32;

export interface RootPlaces {
  readonly config: Pick<RegistryConfig, "roots" | "configPath">;
  readonly configFile: string;
  /** Named by settings that count for nothing. */
  readonly named: readonly string[];
  /** Where this node's registry configuration is meant to be. */
  readonly certsD: string;
}

/** Reads every directory that holds, or may be meant to hold, registry configuration. */
export async function observeRoots(
  { config, configFile, named, certsD }: RootPlaces,
  files: Files,
): Promise<readonly RootView[]> {
  const standings = new Map<string, RootView["standing"]>();
  const add = (written: string, standing: RootView["standing"]) => {
    const path = cleanPath(written);
    if (/^\/./.test(path) && !standings.has(path) && standings.size < MAX_ROOTS)
      standings.set(path, standing);
  };
  for (const path of config.roots) add(path, "in-force");
  for (const path of config.configPath.split(":")) add(path, "split");
  for (const path of named) add(path, "named");
  for (const path of [certsD, ...USUAL_ROOTS]) add(path, "usual");
  const reading = [...standings].map(async ([path, standing]): Promise<RootView> => {
    const root = await readRoot(path, files);
    return { ...root, standing, tooDeep: await readTooDeep(root.tree, files) };
  });
  const known = await Promise.all(reading);
  return [...known, ...(await observeNeighbours(configFile, standings, files))];
}

async function readRoot(root: string, files: Files): Promise<Omit<RootView, "standing">> {
  try {
    return { tree: await files.readTree(root) };
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== "not-a-directory") throw error;
    const others = [{ path: root, reason: "not a directory" }];
    return { tree: { root, exists: false, directories: [], files: [], others }, isFile: true };
  }
}

/** A hosts.toml where containerd never looks is still somebody's wish. */
async function readTooDeep({ others }: ObservedTree, files: Files): Promise<readonly ObservedTree[]> {
  const paths = others.filter(({ reason }) => reason.startsWith("directory")).map(({ path }) => path);
  const trees = await Promise.all(paths.slice(0, MAX_TOO_DEEP).map((path) => tryTree(path, files)));
  return trees.filter((tree) => tree !== undefined);
}

/**
 * Registry directories in a directory beside config.toml that nothing names, or right beside it: only what has a
 * hosts.toml of its own, for others keep other things there.
 */
async function observeNeighbours(
  configFile: string,
  known: ReadonlyMap<string, unknown>,
  files: Files,
): Promise<readonly RootView[]> {
  const beside = await tryTree(configFile.slice(0, configFile.lastIndexOf("/")), files);
  if (beside === undefined) return [];
  const siblings = beside.directories.filter((path) => !known.has(path)).slice(0, MAX_ROOTS);
  const trees = await Promise.all(siblings.map((path) => tryTree(path, files)));
  const found = [beside, ...trees.filter((tree) => tree !== undefined)].map((tree) =>
    withHostsFiles(tree, known),
  );
  return found
    .filter(({ directories }) => directories.length > 0)
    .map((tree) => ({ tree, standing: "usual", tooDeep: [] }) as const);
}

/** Of a tree the directories with a hosts.toml. */
function withHostsFiles(tree: ObservedTree, known: ReadonlyMap<string, unknown>): ObservedTree {
  const isMeant = (directory: string): boolean =>
    !known.has(directory) && tree.files.some(({ path }) => path === `${directory}/hosts.toml`);
  const directories = tree.directories.filter(isMeant);
  const isInside = ({ path }: { readonly path: string }): boolean =>
    directories.some((directory) => path.startsWith(`${directory}/`));
  return { ...tree, directories, files: tree.files.filter(isInside), others: [] };
}

async function tryTree(path: string, files: Files): Promise<ObservedTree | undefined> {
  try {
    return await files.readTree(path);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return undefined;
  }
}

import { CONFIG, type NodeFiles } from "../doctored-node.ts";

/** A good tree, the part of it that is hit, and what chance has to say. */
export interface Mutation {
  readonly files: NodeFiles;
  readonly release: string;
  readonly pick: Pick;
  /** The registry directory that is hit. */
  readonly directory: string;
}

export type Pick = <T>(items: readonly T[]) => T;

/** One thing that people, scripts and half a write do to a tree; undefined: it does not apply to this one. */
export type Mutate = (mutation: Mutation) => NodeFiles | undefined;

export type Mutations = Readonly<Record<string, Mutate>>;

type Change = (text: string, mutation: Mutation) => string;

/** Changes the text of the hosts.toml that is hit. */
export function editHosts(change: Change): Mutate {
  return (mutation) => editFile(mutation, `${mutation.directory}/hosts.toml`, change);
}

/** Changes the text of config.toml. */
export function editConfig(change: Change): Mutate {
  return (mutation) => editFile(mutation, CONFIG, change);
}

function editFile(mutation: Mutation, path: string, change: Change): NodeFiles | undefined {
  const text = mutation.files[path];
  if (typeof text !== "string") return undefined;
  const changed = change(text, mutation);
  return changed === text ? undefined : { ...mutation.files, [path]: changed };
}

/** Moves everything in the directory that is hit. */
export function moveDirectory(rename: (directory: string) => string): Mutate {
  return ({ files, directory }) => {
    const renamed = rename(directory);
    if (renamed === directory) return undefined;
    return Object.fromEntries(
      Object.entries(files).map(([path, content]) => [
        path.startsWith(`${directory}/`) ? `${renamed}${path.slice(directory.length)}` : path,
        content,
      ]),
    );
  };
}

/** The hosts.toml that is hit goes where `name` says, which begins at its directory. */
export function renameHosts(name: string): Mutate {
  return ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory}/${name}`]: text };
  };
}

import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { namespaceOfDirectory } from "../../render/registry-directory.ts";
import { fateOf } from "../fate.ts";
import { atFile, atPath, type FindingPlace } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** A mirror that pulls ask, once for each address. */
export interface AskedMirror {
  /** The first registry that it serves. */
  readonly namespace: string;
  readonly entry: HostEntry;
  /** As containerd speaks to it first. */
  readonly url: URL;
  readonly where: FindingPlace;
}

/** Registries with a directory that is in force, or a mirror of the old style, or an image on the node. */
export function listNamespaces({ roots, config, namespacesInUse }: NodeView): readonly string[] {
  const directories = roots.flatMap(({ standing, tree }) =>
    standing === "in-force" ? tree.directories.map(nameOf) : [],
  );
  const legacy = config.mirrors.map(({ namespace }) => namespace);
  return [...new Set([...directories, ...legacy, ...(namespacesInUse ?? [])])];
}

/** By the model: what no pull asks is not among them. */
export function listMirrors(view: NodeView): readonly AskedMirror[] {
  const mirrors = new Map<string, AskedMirror>();
  for (const namespace of listNamespaces(view)) {
    const resolution = fateOf(namespace, view).byTag;
    for (const { entry, role } of resolution?.hosts ?? []) {
      const url = role === "mirror" ? urlOf(entry) : undefined;
      if (url === undefined || mirrors.has(url.href)) continue;
      const { line = 1, column = 1 } = entry;
      const file = resolution?.source === "hosts-toml" ? resolution.file : undefined;
      const where = file === undefined ? atPath(view.configFile) : atFile({ file, line, column });
      mirrors.set(url.href, { namespace, entry, url, where });
    }
  }
  return [...mirrors.values()];
}

function nameOf(directory: string): string {
  return namespaceOfDirectory(directory.slice(directory.lastIndexOf("/") + 1));
}

function urlOf({ scheme, host, httpsFirst }: HostEntry): URL | undefined {
  if (host === "" || (scheme !== "http" && scheme !== "https")) return undefined;
  const text = `${httpsFirst ? "https" : scheme}://${host}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

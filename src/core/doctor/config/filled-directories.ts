import { readDirectoryName } from "../meant-namespace.ts";
import type { NodeView, RootView } from "../node-view.ts";

/** A directory that somebody filled for a host namespace. */
export interface Intended {
  readonly namespace: string;
  readonly directory: string;
  readonly root: RootView;
}

/** Docker keeps certificates of its own here, which say nothing about containerd. */
const DOCKER_ROOT = "/etc/docker/certs.d";

/** What somebody evidently means to be used: directories with a hosts.toml, or with certificates in Docker's layout. */
export function intendedIn(root: RootView): readonly Intended[] {
  const { tree } = root;
  const directories = new Set(
    tree.files
      .filter(({ path }) => isRegistryFile(path, tree.root))
      .map(({ path }) => path.slice(0, path.lastIndexOf("/")))
      .filter((directory) => directory.slice(0, directory.lastIndexOf("/")) === tree.root),
  );
  return [...directories].flatMap((directory) => {
    const meant = readDirectoryName(directory.slice(directory.lastIndexOf("/") + 1));
    return meant === undefined ? [] : [{ namespace: meant.namespace, directory, root }];
  });
}

function isRegistryFile(path: string, root: string): boolean {
  return path.endsWith("/hosts.toml") || (root !== DOCKER_ROOT && /\/[^/]+\/[^/]+\.(?:crt|cert)$/.test(path));
}

/** Of all roots with one of these standings. */
export function intendedAt(
  view: NodeView,
  ...standings: readonly RootView["standing"][]
): readonly Intended[] {
  return view.roots.filter(({ standing }) => standings.includes(standing)).flatMap(intendedIn);
}

/** Namespaces with a directory that is read, or with an entry in registry.mirrors. */
export function namespacesInForce(view: NodeView): readonly string[] {
  const read = intendedAt(view, "in-force").map(({ namespace }) => namespace);
  return [...new Set([...read, ...view.config.mirrors.map(({ namespace }) => namespace)])];
}

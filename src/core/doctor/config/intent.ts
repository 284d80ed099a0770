import { namespaceOfDirectory } from "../../render/registry-directory.ts";
import { describeFate, type Fate, fateOf, nameNamespace } from "../fate.ts";
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
  return [...directories].map((directory) => {
    const namespace = namespaceOfDirectory(directory.slice(directory.lastIndexOf("/") + 1));
    return { namespace, directory, root };
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

/** What becomes of the pulls of several namespaces, the worst first, in one sentence. */
export function describeFates(namespaces: Iterable<string>, view: NodeView): string {
  const fates = [...new Set(namespaces)].map((namespace) => fateOf(namespace, view)).sort(compareFates);
  const [worst, ...others] = fates;
  if (worst === undefined) return "no namespace is configured yet, so that no pull is affected";
  const alike = others.filter((fate) => rankOf(fate) === rankOf(worst)).map(({ namespace }) => namespace);
  const rest = alike.length === 0 ? "" : `; the same goes for ${listSome(alike.map(nameNamespace))}`;
  return `${describeFate(worst)}${rest}`;
}

/** True when pulls of the namespace ask a mirror. */
export function hasMirror({ byTag }: Fate): boolean {
  return byTag?.hosts.some(({ role }) => role === "mirror") ?? false;
}

/** `a, b, c and 4 more`. */
export function listSome(items: readonly string[], most = 3): string {
  if (items.length <= most + 1)
    return [items.slice(0, -1).join(", "), ...items.slice(-1)].filter(Boolean).join(" and ");
  return `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
}

function compareFates(a: Fate, b: Fate): number {
  const byName = a.namespace < b.namespace ? -1 : 1;
  return rankOf(a) - rankOf(b) || Number(a.namespace === "*") - Number(b.namespace === "*") || byName;
}

function rankOf(fate: Fate): number {
  if (fate.byTag === undefined || fate.byTag.outcome.kind === "pull-fails") return 0;
  return hasMirror(fate) ? 2 : 1;
}

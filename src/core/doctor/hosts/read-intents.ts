import type { ObservedFile } from "../../host-state.ts";
import { namespaceOfDirectory } from "../../render/registry-directory.ts";
import { isRegistryItself } from "../known-registries.ts";
import { isPutAside, readDirectoryName } from "../meant-namespace.ts";
import type { NodeView, RootView } from "../node-view.ts";
import { findHostsFile } from "./find-hosts-file.ts";
import { directoryOf, type HostDirectory, nameIn } from "./host-directory.ts";
import { type Intent, type IntentSource, intentOf } from "./intent.ts";
import { looksLikeHost } from "./loose-hosts-file.ts";
import { readMeantUrl } from "./meant-url.ts";
import { readLooseHosts } from "./read-loose-hosts.ts";

/** What all files of a node evidently want; a namespace comes once for each file that means it. */
export function readIntents(view: NodeView, directories: readonly HostDirectory[]): readonly Intent[] {
  // The same file by another path is no other wish.
  const read = view.roots.filter(({ standing }) => standing === "in-force").flatMap(({ tree }) => tree.files);
  const inForce = new Set(read.map(({ realPath }) => realPath));
  const isNew = ({ standing }: { standing: RootView["standing"] }, { realPath }: ObservedFile): boolean =>
    standing === "in-force" || !inForce.has(realPath);
  return [
    ...directories.flatMap((directory) => readDirectory(directory, isNew)),
    ...view.roots.flatMap(readStrays),
    ...view.config.mirrors.map((mirror): Intent => readLegacy(mirror)),
  ].filter(({ mirrors, closed }) => mirrors.length > 0 || closed);
}

function readDirectory(
  directory: HostDirectory,
  isNew: (directory: HostDirectory, file: ObservedFile) => boolean,
): readonly Intent[] {
  const { meant, path, root, standing } = directory;
  const file = findHostsFile(directory);
  if (meant === undefined || file === undefined || file.isPutAside) return [];
  if (!isNew(directory, file.file)) return [];
  return [readFile(file.file, meant.namespace, { file: file.file.path, directory: path, root, standing })];
}

function readFile({ bytes }: ObservedFile, namespace: string, source: IntentSource): Intent {
  return intentOf(namespace, readLooseHosts(new TextDecoder().decode(bytes)), source);
}

/** Files that lie beside the host directories, or one level too deep. */
function readStrays({ tree, tooDeep = [], standing }: RootView): readonly Intent[] {
  const source = { root: tree.root, standing };
  const beside = tree.files
    .filter(({ path }) => directoryOf(path) === tree.root && /\.toml$/i.test(path))
    .flatMap((file) => {
      const namespace = namespaceOfStray(file);
      if (namespace === undefined) return [];
      return [readFile(file, namespace, { file: file.path, directory: tree.root, ...source })];
    });
  const deep = tooDeep.flatMap((inner) =>
    inner.files
      .filter(({ path }) => nameIn(path) === "hosts.toml")
      .flatMap((file) => {
        const namespace = namespaceOfDeep(directoryOf(file.path), tree.root);
        if (namespace === undefined) return [];
        return [readFile(file, namespace, { file: file.path, directory: directoryOf(file.path), ...source })];
      }),
  );
  return [...beside, ...deep];
}

/** `gcr.io.toml` is for gcr.io; a hosts.toml is for the registry of its `server`, or for all. */
function namespaceOfStray(file: ObservedFile): string | undefined {
  const stem = nameIn(file.path).replace(/\.toml$/i, "");
  if (!/^hosts?$/i.test(stem)) return namespaceOfName(stem);
  const { server } = readLooseHosts(new TextDecoder().decode(file.bytes));
  if (server === undefined) return "*";
  const { host } = readMeantUrl(server.written, false);
  return isRegistryItself(host, "docker.io") ? "docker.io" : host;
}

/** The nearest directory whose name is that of a registry. */
function namespaceOfDeep(directory: string, root: string): string | undefined {
  const between = directory.slice(root.length + 1).split("/");
  if (between.some(isPutAside)) return undefined;
  for (let path = directory; path.length > root.length; path = directoryOf(path)) {
    const namespace = namespaceOfName(nameIn(path));
    if (namespace !== undefined) return namespace;
  }
  return undefined;
}

/** `library` or `notes` are names of no registry. */
function namespaceOfName(name: string): string | undefined {
  const isOne = name === "_default" || looksLikeHost(namespaceOfDirectory(name));
  return isOne ? readDirectoryName(name)?.namespace : undefined;
}

function readLegacy({ namespace, endpoints, at }: NodeView["config"]["mirrors"][number]): Intent {
  const hosts = endpoints.map((written) => ({ written, overridePath: true, ...at }));
  const meant = isRegistryItself(namespace, "docker.io") ? "docker.io" : namespace;
  const source = { file: at.file, directory: at.file };
  const intent = intentOf(meant, { hosts, isBlank: false }, source);
  // The path counts as written, and is /v2 where none is.
  const mirrors = intent.mirrors.map((host) => (host.path === "" ? { ...host, path: "/v2" } : host));
  return { ...intent, mirrors, source: "legacy-mirrors" };
}

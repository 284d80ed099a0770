import { isOwned } from "../file-tree.ts";
import type { ObservedTree, OtherRoot } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { namespaceOfDirectory, registryDirectory } from "../render/registry-directory.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import { isHostNamespace } from "./is-host-namespace.ts";
import type { Problem } from "./problem.ts";

/**
 * Host directories that stop counting once config_path is certs.d alone. A namespace that the desired state or
 * certs.d itself speaks for loses nothing; nor does one in a root that containerd never read, which is only told.
 */
export function findLostRoots(
  roots: readonly OtherRoot[],
  certsD: ObservedTree,
  covered: ReadonlySet<string>,
): { readonly problems: readonly Problem[]; readonly issues: readonly Issue[] } {
  if (roots.length === 0) return { problems: [], issues: [] };
  const known = new Set([...covered, ...speaking(certsD).map(({ namespace }) => namespace)]);
  const fresh = (tree: ObservedTree) => speaking(tree).filter(({ namespace }) => !known.has(namespace));
  const problems = roots
    .filter(({ isRead }) => isRead)
    .flatMap(({ tree }) => fresh(tree).map((found) => toProblem(found, tree.root, certsD.root)));
  const unread = roots.filter(({ isRead, tree }) => !isRead && fresh(tree).length > 0);
  const issues = unread.map(({ tree }) => unreadWarning(tree.root, fresh(tree), certsD.root));
  return { problems, issues };
}

/**
 * While other roots must stay in force, `_default` is not put into certs.d: where certs.d is the first of them, it
 * would hide every directory of the others.
 */
export function withholdDefault(
  wanted: readonly RenderedRegistry[],
  certsD: ObservedTree,
): readonly Problem[] {
  const directory = `${certsD.root}/${registryDirectory("*")}`;
  if (certsD.directories.includes(directory)) return [];
  const reason = `${directory} is not created until then, because it would hide host directories of other roots`;
  return wanted.filter(({ namespace }) => namespace === "*").map(({ namespace }) => ({ namespace, reason }));
}

interface Speaking {
  readonly directory: string;
  readonly namespace: string;
}

/** Directories of others with a hosts.toml, or with certificates that containerd takes where there is none. */
function speaking({ directories, files, others }: ObservedTree): readonly Speaking[] {
  const paths = [
    ...files.filter(({ bytes }) => !isOwned(bytes)),
    ...others.filter(({ reason }) => reason !== "symbolic link to nothing"),
  ].map(({ path }) => path);
  const told = new Set(
    paths
      .filter((path) => /\/hosts\.toml$|\.(?:crt|cert|key)$/.test(path))
      .map((path) => path.slice(0, path.lastIndexOf("/"))),
  );
  return directories
    .filter((directory) => told.has(directory))
    .map((directory) => ({
      directory,
      namespace: namespaceOfDirectory(directory.slice(directory.lastIndexOf("/") + 1)),
    }))
    .filter(({ namespace }) => isHostNamespace(namespace));
}

function toProblem({ directory, namespace }: Speaking, root: string, certsD: string): Problem {
  const pulls = namespace === "*" ? "of every host without a directory of its own" : `of ${namespace}`;
  const reason = `${directory} is in force now, because config_path names ${root}; with config_path = "${certsD}" pulls ${pulls} would silently stop following it, so config.toml is not changed. Move it to ${certsD}, or set containerd.certs_d = "${root}" in agent.toml, or remove it`;
  return { namespace, reason };
}

function unreadWarning(root: string, found: readonly Speaking[], certsD: string): Issue {
  const names = found.map(({ namespace }) => namespace);
  const shown =
    names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
  return {
    code: "containerd-root-unread",
    severity: "warning",
    at: { file: root, line: 1, column: 1 },
    message: `${root} speaks for ${shown}, but containerd does not read it: config_path is a list, which its transfer service takes for the name of one directory; pulls go on without it`,
    fix: `move what is still wanted to ${certsD}, remove the rest`,
  };
}

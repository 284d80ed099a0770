import { setConfigPath } from "../config/config-edit.ts";
import { describeFate, fateOf, hasMirror, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import { isPutAside, lookedUpAs, nameOfDirectory } from "../meant-namespace.ts";
import type { RootView } from "../node-view.ts";
import { shellWord } from "../shell-word.ts";
import { directoryOf, nameIn } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { looksLikeHost } from "./loose-hosts-file.ts";

/** Files where a directory belongs, and files where containerd looks for none. */
export function checkStrays(context: HostsContext): readonly Finding[] {
  const roots = context.view.roots.filter(({ standing }) => standing === "in-force");
  return [...roots.flatMap((root) => checkTop(root, context)), ...checkMisplaced(context)];
}

/** What stands directly in a root and is no directory. */
function checkTop({ tree }: RootView, { view }: HostsContext): readonly Finding[] {
  const files = tree.files.map(({ path }) => ({ path, reason: "a file" }));
  return [...files, ...tree.others].flatMap(({ path, reason }): readonly Finding[] => {
    const name = nameIn(path);
    const namespace = lookedUpAs(name);
    if (directoryOf(path) !== tree.root || namespace === undefined || !isRegistryName(name)) return [];
    const fate = fateOf(namespace, view);
    const isDangling = reason === "symbolic link to nothing";
    // Another directory comes first.
    if (!isDangling && fate.byTag?.candidates.at(-1)?.path !== path) return [];
    return [
      {
        code: isDangling ? "link-dangling" : "directory-is-file",
        // What the link was to say nobody knows: where _default serves instead, that may be all.
        severity: isDangling && hasMirror(fate) ? "warning" : "error",
        where: atPath(path),
        fact: isDangling
          ? `the directory of ${nameNamespace(namespace)} is a symbolic link to nothing, which does not exist for containerd`
          : reason.startsWith("cannot ")
            ? `the directory of ${nameNamespace(namespace)} is none that can be opened: ${reason}`
            : `where the directory of ${nameNamespace(namespace)} belongs, there is ${reason}`,
        consequence: describeFate(fate),
        fix: isDangling
          ? `ls -l ${path}, then put back the directory that it leads to, or remove the link`
          : `move ${path} away; hosts of ${nameNamespace(namespace)} belong into ${path}/hosts.toml`,
      },
    ];
  });
}

/** `README.md` is a registry host to the letter of the grammar, and to nobody else. */
function isRegistryName(name: string): boolean {
  if (name === "_default") return true;
  if (isPutAside(name)) return false;
  return (
    looksLikeHost(name.replace(/_(\d+)_$/, ":$1")) &&
    !/\.(?:md|txt|toml|tml|ya?ml|json|conf|cfg|crt|cert|pem|key|ca|sh|log|gz|tar|tmp|lock|swp)$/i.test(name)
  );
}

function checkMisplaced({ intents, view }: HostsContext): readonly Finding[] {
  return intents
    .filter(({ source, standing, differences }) => {
      return source === "hosts-file" && standing === "in-force" && differences.length > 0;
    })
    .flatMap(({ at, directory, root = "", namespace }): readonly Finding[] => {
      const isBeside = directory === root;
      // A directory in place of a hosts.toml has a finding of its own.
      if (nameIn(directory) === "hosts.toml") return [];
      if (!isBeside && directoryOf(directory) === root) return [];
      const right = `${root}/${nameOfDirectory(namespace)}`;
      const isRegistry = isBeside && view.roots.some(({ tree }) => tree.directories.includes(root));
      return [
        {
          code: isBeside ? "hosts-file-misplaced" : "directory-too-deep",
          severity: "error",
          where: atPath(at.file),
          fact: isRegistry
            ? `config_path names ${root}, which is the directory of one registry: containerd looks for directories of registries in it`
            : isBeside
              ? `containerd opens hosts.toml in the directory of a registry, never ${at.file}`
              : `containerd looks for directories of registries directly in ${root}, and never below one`,
          consequence: describeFate(fateOf(namespace, view)),
          fix: isRegistry
            ? setConfigPath(directoryOf(root), view)
            : `mkdir -p ${right} && mv ${shellWord(at.file)} ${right}/hosts.toml`,
        },
      ];
    });
}

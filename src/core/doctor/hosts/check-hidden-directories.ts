import { describeFate, fateOf, hasMirror, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import { nameIn, type RulingDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { readLooseHosts } from "./read-loose-hosts.ts";

/** containerd takes the first directory that exists, whatever is in it. */
export function checkHiddenDirectories(context: HostsContext): readonly Finding[] {
  return [...checkHidden(context), ...checkHiding(context)];
}

/** Another directory comes first for the same images. */
function checkHidden({ intents, directories, view }: HostsContext): readonly Finding[] {
  return directories.flatMap(({ path, namespace, standing, root }): readonly Finding[] => {
    if (standing !== "in-force" || namespace === undefined) return [];
    const isMissed = intents.some(
      ({ directory, differences }) => directory === path && differences.length > 0,
    );
    const fate = fateOf(namespace, view);
    const first = fate.byTag?.directory;
    if (!isMissed || first === undefined || first === path) return [];
    const why = first.startsWith(`${root}/`)
      ? `${nameIn(first)} is looked up before ${nameIn(path)}`
      : "all names are looked up in one directory of config_path, _default among them, before the next";
    return [
      {
        code: "directory-hidden",
        severity: "error",
        where: atPath(path),
        fact: `for ${nameNamespace(namespace)} containerd takes ${first}: ${why}`,
        consequence: describeFate(fate),
        fix: `move what is meant to ${first}/hosts.toml, or remove ${first}`,
      },
    ];
  });
}

/** A directory that says nothing of hosts keeps its registry from `_default`. */
function checkHiding(context: HostsContext): readonly Finding[] {
  const byDefault = fateOf("*", context.view);
  if (!hasMirror(byDefault)) return [];
  const isClosed = byDefault.byTag?.hosts.some(({ role }) => role === "upstream") === false;
  return context.ruling
    .filter((directory) => directory.namespace !== "*" && saysNothing(directory))
    .map(({ path, files, fate, namespace }) => ({
      code: "directory-hides-default",
      severity: files.length === 0 || isClosed ? "error" : "warning",
      where: atPath(path),
      fact: `${files.length === 0 ? "the directory is empty" : "the directory names no host"}, and being there it keeps ${namespace} from the mirrors of _default`,
      consequence: describeFate(fate),
      fix:
        files.length === 0
          ? `rmdir ${path}`
          : `write ${path}/hosts.toml with the mirrors of ${namespace}, or remove ${path}`,
    }));
}

/** No file that is, or was meant as, a hosts.toml with hosts. An empty one has a finding of its own. */
function saysNothing({ path, files, others, parsed, text }: RulingDirectory): boolean {
  if (others.length > 0) return false;
  if (files.some((file) => file.path === `${path}/hosts.toml`))
    return parsed.kind !== "absent-or-empty" && readLooseHosts(text).isBlank;
  return files.every((file) => !/^hosts?\b/i.test(nameIn(file.path)));
}

import { describeFates } from "../describe-fates.ts";
import type { Finding } from "../finding.ts";
import { isNearConfig } from "../is-near-config.ts";
import type { NodeView } from "../node-view.ts";
import { checkConfigPathList } from "./check-config-path-list.ts";
import { placeOfConfigPath, setConfigPath } from "./config-edit.ts";
import { type Intended, intendedAt } from "./filled-directories.ts";

/**
 * Where containerd looks for hosts.toml, and where they are. `explained`: another finding says already why a
 * config_path that is written is not in force.
 */
export function checkConfigPath(view: NodeView, explained: boolean): readonly Finding[] {
  const { configPath } = view.config;
  if (configPath === "") return explained ? [] : checkUnset(view);
  return [
    ...checkConfigPathList(view, explained),
    ...checkKind(view),
    ...checkRelative(view),
    ...(explained ? [] : checkElsewhere(view)),
  ];
}

function checkUnset(view: NodeView): readonly Finding[] {
  const unread = intendedNear(view);
  const [first] = unread;
  if (first === undefined) return [];
  const { mirrors } = view.config;
  const covered = unread.every(({ namespace }) =>
    mirrors.some((mirror) => mirror.namespace === namespace || mirror.namespace === "*"),
  );
  const instead = mirrors.length === 0 ? "" : "; registry.mirrors is in force instead";
  const written = view.config.configPathWritten === undefined ? "not set" : 'set to ""';
  return [
    {
      code: "config-path-unset",
      severity: covered ? "warning" : "error",
      where: placeOfConfigPath(view),
      fact: `config_path is ${written}, so containerd ${view.version.text} reads nothing below ${first.root.tree.root}, where there is configuration for ${count(unread)}${instead}`,
      consequence: describeFates(namespacesOf(unread), view),
      fix: `${mirrors.length === 0 ? "" : "remove registry.mirrors, "}${setConfigPath(first.root.tree.root, view)}`,
    },
  ];
}

/** What is not read although it is where it is usual. */
function intendedNear(view: NodeView): readonly Intended[] {
  return intendedAt(view, "usual", "named", "split").filter(({ directory }) => isNearConfig(directory, view));
}

function checkKind(view: NodeView): readonly Finding[] {
  return view.roots
    .filter(({ standing, isFile }) => standing === "in-force" && isFile === true)
    .map(({ tree }): Finding => {
      const isYaml = /\.ya?ml$/.test(tree.root);
      const hint = isYaml ? "; containerd reads no YAML: what is in it must become hosts.toml files" : "";
      return {
        code: "config-path-no-directory",
        severity: "error",
        where: placeOfConfigPath(view),
        fact: `config_path names ${tree.root}, which is a file`,
        consequence: describeFates(["docker.io", "*"], view),
        fix: `${setConfigPath("/etc/containerd/certs.d", view)}${hint}`,
      };
    });
}

function checkRelative(view: NodeView): readonly Finding[] {
  const { configPath, roots, pullMode } = view.config;
  const parts = pullMode === "local" ? configPath.split(":") : [configPath];
  const at = parts.findIndex((part) => !part.startsWith("/"));
  const [part, root] = [parts[at], roots[at]];
  if (part === undefined || root === undefined || (pullMode === "transfer" && configPath.includes(":")))
    return [];
  const isThere = view.roots.some(({ tree }) => tree.root === root && tree.exists);
  return [
    {
      code: "config-path-relative",
      severity: isThere ? "warning" : "error",
      where: placeOfConfigPath(view),
      fact: `config_path = ${JSON.stringify(configPath)} starts from the directory the daemon runs in, which is / under systemd: ${root} ${isThere ? "is read" : "does not exist"}`,
      consequence: isThere
        ? `while containerd is started by systemd ${describeFates(namespacesOf(intendedAt(view, "in-force")), view)}; started from anywhere else it reads no hosts.toml`
        : describeFates(
            namespacesOf(intendedNear(view)).length === 0 ? ["*"] : namespacesOf(intendedNear(view)),
            view,
          ),
      fix: setConfigPath(isThere ? root : "/etc/containerd/certs.d", view),
    },
  ];
}

function checkElsewhere(view: NodeView): readonly Finding[] {
  const { configPath, pullMode, roots } = view.config;
  if (pullMode === "transfer" && configPath.includes(":")) return [];
  const trees = view.roots.filter(({ standing }) => standing === "in-force");
  if (trees.some(({ isFile }) => isFile) || roots.some((root) => root === "/")) return [];
  const read = new Set(intendedAt(view, "in-force").map(({ namespace }) => namespace));
  const unread = intendedNear(view).filter(({ namespace }) => !read.has(namespace));
  const [first] = unread;
  if (first === undefined || !configPath.startsWith("/")) return [];
  const state = trees.some(({ tree }) => tree.exists)
    ? read.size === 0
      ? "holds no registry"
      : "is what containerd reads"
    : "does not exist";
  return [
    {
      code: "config-path-elsewhere",
      severity: read.size === 0 ? "error" : "warning",
      where: placeOfConfigPath(view),
      fact: `config_path = ${JSON.stringify(configPath)} ${state}; configuration for ${count(unread)} is in ${first.root.tree.root}`,
      consequence: describeFates(namespacesOf(unread), view),
      fix:
        read.size === 0
          ? setConfigPath(first.root.tree.root, view)
          : `move ${first.directory} into ${roots[0]}; hosts.toml files need no restart`,
    },
  ];
}

function namespacesOf(intended: readonly Intended[]): readonly string[] {
  return intended.map(({ namespace }) => namespace);
}

function count(intended: readonly Intended[]): string {
  const { size } = new Set(namespacesOf(intended));
  const [only] = intended;
  return size === 1 && only !== undefined
    ? only.directory.slice(only.directory.lastIndexOf("/") + 1)
    : `${size} registries`;
}

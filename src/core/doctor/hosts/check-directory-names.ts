import { splitHostPort } from "../../containerd/loopback.ts";
import type { ObservedFile } from "../../host-state.ts";
import { describeFate, fateOf, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import { isPutAside, nameOfDirectory } from "../meant-namespace.ts";
import { shellWord } from "../shell-word.ts";
import { compareIntent } from "./compare-intent.ts";
import { findHostsFile } from "./find-hosts-file.ts";
import type { HostDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { readMeantUrl } from "./meant-url.ts";
import { readLooseHosts } from "./read-loose-hosts.ts";

/** Directories whose name keeps containerd from looking them up for the images they are meant for. */
export function checkDirectoryNames(context: HostsContext): readonly Finding[] {
  const { traits, version } = context.view;
  return context.directories
    .filter(({ standing }) => standing === "in-force")
    .flatMap((directory): readonly Finding[] => {
      const file = findHostsFile(directory);
      if (file === undefined || file.isPutAside) return [];
      if (directory.name === "_default" && !traits.knowsDefaultDirectory)
        return isMissed(directory, context) ? [explainDefault(directory, version.text, context)] : [];
      if (directory.meant === undefined) return explainNoHost(directory, file.file, context);
      if (directory.meant.why !== undefined) return explainName(directory, directory.meant.why, context);
      return explainPort(directory, context);
    });
}

function isMissed({ path }: HostDirectory, { intents }: HostsContext): boolean {
  return intents.some(({ directory, differences }) => directory === path && differences.length > 0);
}

function explainDefault({ path }: HostDirectory, version: string, { view }: HostsContext): Finding {
  return {
    code: "default-directory-unknown",
    severity: "error",
    where: atPath(path),
    fact: `containerd ${version} does not look for _default; that came with 1.6.17`,
    consequence: describeFate(fateOf("*", view)),
    fix: "upgrade containerd, or make a directory for each registry",
  };
}

function explainNoHost(
  { path, name, namespace }: HostDirectory,
  { realPath, bytes }: ObservedFile,
  { directories }: HostsContext,
): readonly Finding[] {
  if (namespace !== undefined || isPutAside(name)) return [];
  // Talos and k3s write a directory for every host they have settings for, mirrors among them.
  const { hosts } = readLooseHosts(new TextDecoder().decode(bytes));
  if (hosts.every(({ written }) => readMeantUrl(written, false).host === name.toLowerCase())) return [];
  // Directories of registries may be links to one that has any name.
  const isShared = directories.some((other) => {
    return other.path !== path && other.files.some((file) => file.realPath === realPath);
  });
  if (isShared) return [];
  return [
    {
      code: "directory-name",
      severity: "warning",
      where: atPath(path),
      fact: `${name} is no registry host, so no image leads to this directory`,
      consequence: "its hosts.toml is never read",
      fix: "give the directory the name that images have in front: gcr.io, registry.corp_5000_, or _default for all others",
    },
  ];
}

function explainName(directory: HostDirectory, why: string, context: HostsContext): readonly Finding[] {
  const { path, name, root, meant } = directory;
  const target = meant?.namespace ?? "";
  const right = `${root}/${nameOfDirectory(target)}`;
  const isTaken = context.directories.some((other) => other.path === right);
  const missed = isMissed(directory, context);
  // Beside the right one the same hosts under another name do no harm.
  if (!missed && isTaken) return [];
  return [
    {
      code: "directory-name",
      // A name that is one slip away from a known one may be that of a registry that nobody here knows.
      severity: why.includes("slip") || !missed ? "warning" : "error",
      where: atPath(path),
      fact: `no image of ${nameNamespace(target)} leads to a directory ${shellWord(name)}: ${why}`,
      consequence: describeFate(fateOf(target, context.view)),
      fix: isTaken
        ? `move what is meant to ${right}/hosts.toml and remove ${shellWord(path)}`
        : `mv ${shellWord(path)} ${right}`,
    },
  ];
}

/** The images of this node have a port where the directory has none, or the other way round. */
function explainPort(directory: HostDirectory, { view, intents }: HostsContext): readonly Finding[] {
  const { path, root, namespace } = directory;
  const inUse = view.namespacesInUse;
  if (inUse === undefined || namespace === undefined || namespace === "*" || inUse.includes(namespace))
    return [];
  const host = hostOf(namespace);
  const used = inUse.filter((each) => hostOf(each) === host);
  const intent = intents.find((each) => each.directory === path);
  const missed = used.filter(
    (each) => intent !== undefined && compareIntent(intent, fateOf(each, view)).length > 0,
  );
  return missed.map((each) => ({
    code: "directory-port",
    severity: "error",
    where: atPath(path),
    fact: `the images on this node are of ${each}, and containerd looks up ${namespace} for images of ${namespace} alone`,
    consequence: describeFate(fateOf(each, view)),
    fix: `mv ${path} ${root}/${nameOfDirectory(each)}`,
  }));
}

function hostOf(namespace: string): string {
  const { host, port } = splitHostPort(namespace);
  return port === "" ? namespace : host;
}

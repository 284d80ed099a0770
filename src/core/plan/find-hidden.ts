import type { DesiredState } from "../desired-state/desired-state.ts";
import { isOwned } from "../file-tree.ts";
import type { ObservedTree } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { namespaceOfDirectory } from "../render/registry-directory.ts";
import { isMoved } from "../render/render-migrated.ts";
import { isHostNamespace } from "./is-host-namespace.ts";
import type { Problem } from "./problem.ts";

export interface HiddenNamespaces {
  /** Upstreams that would be open although `*` keeps them closed. */
  readonly problems: readonly Problem[];
  readonly issues: readonly Issue[];
}

/**
 * Directories that `*` does not reach: the existence of a host directory decides, not what is in it, so one without
 * a hosts.toml sends every pull of its namespace to its upstream. A namespace with a problem is to be left as it is:
 * a hosts.toml of ours beside files of others would leave such a directory behind.
 */
export function findHidden(
  desired: DesiredState,
  certsD: ObservedTree,
  /** Namespaces that get the hosts.toml of a mirror moved out of config.toml. */
  moved: ReadonlySet<string>,
): HiddenNamespaces {
  const all = desired.registries.find(({ namespace }) => namespace === "*");
  if (all === undefined) return { problems: [], issues: [] };
  const named = new Set(desired.registries.map(({ namespace }) => namespace));
  const hidden = certsD.directories
    .map((path) => ({ path, namespace: namespaceOfDirectory(path.slice(path.lastIndexOf("/") + 1)) }))
    .filter(({ namespace }) => !named.has(namespace) && isHostNamespace(namespace))
    .map((found): Hidden => {
      return { ...found, state: moved.has(found.namespace) ? "own" : stateOf(found.path, certsD) };
    });
  if (all.upstream === "allow")
    return { problems: [], issues: hidden.filter(({ state }) => isBare(state)).map(bareWarning) };
  return {
    problems: hidden.filter(({ state }) => isBare(state)).map(toProblem),
    issues: hidden.filter(({ state }) => state === "own").map(ownWarning),
  };
}

/**
 * own: its hosts.toml is somebody's wish · stays: ours goes and files of others keep the directory ·
 * bare: there is no hosts.toml · ours: it goes as a whole, or says the same as a directory of ours.
 */
type State = "own" | "stays" | "bare" | "ours";

interface Hidden {
  readonly path: string;
  readonly namespace: string;
  readonly state: State;
}

function stateOf(directory: string, { files, others, linked }: ObservedTree): State {
  const hostsToml = `${directory}/hosts.toml`;
  const within = (path: string): boolean => path.startsWith(`${directory}/`);
  const hosts = files.find(({ path }) => path === hostsToml);
  // A link to nothing does not exist for containerd; it cannot go round anything else that stands there.
  const isThere = others.some(
    ({ path, reason }) => path === hostsToml && reason !== "symbolic link to nothing",
  );
  if (isThere || (hosts !== undefined && (!isOwned(hosts.bytes) || isMoved(hosts.bytes)))) return "own";
  const inside = files.filter(({ path }) => within(path));
  const isShared = inside.some(({ bytes }) => !isOwned(bytes)) || others.some(({ path }) => within(path));
  if (hosts === undefined) return isShared || inside.length === 0 ? "bare" : "ours";
  return isShared && linked?.includes(directory) !== true ? "stays" : "ours";
}

function isBare(state: State): boolean {
  return state === "bare" || state === "stays";
}

function toProblem({ path, namespace, state }: Hidden): Problem {
  const reason =
    state === "stays"
      ? `${path} holds files that mirrorlet did not write, so the directory would stay without its hosts.toml, hide "*" and open the upstream of ${namespace}; it is left as it is. Remove the directory, or name ${namespace} in the desired state`
      : `${path} has no hosts.toml and hides "*", so pulls of ${namespace} go to its upstream although "*" keeps upstreams closed. Remove the directory, or name ${namespace} in the desired state`;
  return { namespace, reason };
}

function bareWarning({ path, namespace }: Hidden): Issue {
  const message = `${path} has no hosts.toml of its own and hides "*" from containerd, so pulls of ${namespace} go to its upstream and not to the mirrors of "*"`;
  return warning("containerd-directory-hides-default", path, namespace, message);
}

function ownWarning({ path, namespace }: Hidden): Issue {
  const message = `${path} has a hosts.toml that the desired state does not name, so pulls of ${namespace} follow that file, and "*" does not keep its upstream closed`;
  return warning("containerd-directory-beside-default", path, namespace, message);
}

function warning(code: string, file: string, namespace: string, message: string): Issue {
  const fix = `remove the directory, or name ${namespace} in the desired state`;
  return { code, severity: "warning", at: { file, line: 1, column: 1 }, message, fix };
}

import { parseLogLine } from "./parse-log-line.ts";

/**
 * The pods and containers that CRI had begun to make and was not done with at the end of a log, as it names them. CRI
 * itself tells of them only once they are there; containerd 1.6 to 2.x log each such call at level info when it comes
 * and when it is answered (`instrumented_service.go` of its CRI plugin).
 */
export function podsInMaking(log: readonly string[]): readonly string[] {
  const open = new Map<string, string>();
  for (const text of log) {
    if (!OF_INTEREST.test(text)) continue;
    const message = parseLogLine(text)?.message ?? "";
    // What an earlier daemon had begun died with it.
    if (message === "starting containerd") open.clear();
    const [, verb = "", sandbox = "", what = "", end] = CALL.exec(message) ?? [];
    if (what === "") continue;
    const key = `${verb.toLowerCase()} ${sandbox} ${what}`;
    if (end === undefined) open.set(key, describe(what));
    else open.delete(key);
  }
  return [...new Set(open.values())];
}

const OF_INTEREST = /RunPod[Ss]andbox|CreateContainer|StartContainer|starting containerd/;

// When it comes: `RunPodsandbox for &PodSandboxMetadata{…}` (1.6 with a small s), `CreateContainer within sandbox "ID" for
// container &ContainerMetadata{…}`, `StartContainer for "ID"`. Answered: the same without the word container, and more.
// From 2.2 on metadata are `name:"web-1"  uid:"…"  namespace:"default"`, with one space or two: as each build has it.
const CALL =
  /^(RunPod[Ss]andbox|CreateContainer|StartContainer) (?:within sandbox ("[^"]*") )?for (?:container )?(\S.*?)( returns (?:sandbox id |container id |successfully).*| failed(?:, error)?)?$/;

/** `kube-system/coredns-1` of a pod's metadata, `app` of a container's, or the container's id. */
function describe(what: string): string {
  const [, name] = NAME.exec(what) ?? [];
  if (name === undefined) return what.replaceAll('"', "").slice(0, 12);
  const [, namespace] = NAMESPACE.exec(what) ?? [];
  return namespace === undefined ? name : `${namespace}/${name}`;
}

const NAME = /^(?:&\w+\{Name:|name:"?)([^,"]*)/;
const NAMESPACE = /(?:,Namespace:| namespace:"?)([^,"]*)/;

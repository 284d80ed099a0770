import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { describeFate, nameNamespace } from "../fate.ts";
import type { Finding } from "../finding.ts";
import { DOCKER_WEBSITES, isPublicRegistry, isRegistryItself } from "../known-registries.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { listReadFiles, placeOfEntry, type ReadFile, writtenEntries } from "./read-hosts-files.ts";

/** Hosts that stand for the registry itself, and are not that. */
export function checkUpstream(context: HostsContext): readonly Finding[] {
  return listReadFiles(context).flatMap((file) => {
    const other = checkOther(file);
    return other.length > 0 ? other : checkWebsite(file);
  });
}

/** docker.io is a website, though containerd's documentation has it as `server`. */
function checkWebsite(file: ReadFile): readonly Finding[] {
  const entries = writtenEntries(file);
  const index = entries.findIndex(({ host }) => DOCKER_WEBSITES.has(host.toLowerCase()));
  const entry = entries[index];
  // Behind the real registry it changes nothing but the words of an error.
  if (entry === undefined || entries.slice(0, index).some(({ host }) => host === "registry-1.docker.io"))
    return [];
  const isFallback = entry.isRoot && entries.length > 1;
  const right = showWritten(entry.written).replace(/^(?:https?:\/\/)?[^/]+/, "https://registry-1.docker.io");
  return [
    {
      code: "docker-website",
      severity: isFallback ? "warning" : "error",
      where: placeOfEntry(file, entry),
      fact: `${entry.host} is a website; the registry of Docker Hub is registry-1.docker.io`,
      consequence: `${describeFate(file.fate)}; what ${isFallback ? "the mirrors do not serve" : "is asked there"} fails on a web page`,
      fix: entry.isRoot ? `write server = "${right}", or leave server out` : `write [host."${right}"]`,
    },
  ];
}

function checkOther(file: ReadFile): readonly Finding[] {
  const { namespace } = file;
  const other = writtenEntries(file).find((entry) => isOtherRegistry(entry, namespace));
  if (other === undefined) return [];
  const what = other.isRoot ? "server names" : "a host is";
  return [
    {
      code: "another-registry",
      severity: namespace === "*" ? "error" : "warning",
      where: placeOfEntry(file, other),
      fact: `${what} ${other.host}, which has no images of ${nameNamespace(namespace)}`,
      consequence: describeFate(file.fate),
      fix: other.isRoot
        ? "delete the server line: without it each registry is asked itself, last"
        : `move the host to the directory of ${other.host}`,
    },
  ];
}

function isOtherRegistry({ host }: HostEntry, namespace: string): boolean {
  if (!isPublicRegistry(host) || isRegistryItself(host, namespace)) return false;
  if (namespace === "*") return true;
  const isMoved = namespace === "k8s.gcr.io" && host === "registry.k8s.io";
  return isPublicRegistry(namespace) && !isMoved;
}
